//go:build unix

package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/sync/daemon/notice"
)

// TestWatchNotify lets a command be told of a target that is blocked, over a
// restart, and of its recovery; nothing is told without --allow-notify.
func TestWatchNotify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	w.configWith(watchDefaults+"notify: {command: [sh, -c, 'cat >> ../told']}\n", globbed)
	told := func(want ...string) {
		w.Helper()
		w.until("it is told", func() string {
			var got []string
			data, err := os.ReadFile(w.path("../told"))
			if err != nil && !os.IsNotExist(err) {
				return err.Error()
			}
			for line := range strings.Lines(string(data)) {
				var m notice.Message
				if err := json.Unmarshal([]byte(line), &m); err != nil {
					return err.Error()
				}
				got = append(got, string(m.Kind)+" "+strings.Join(m.Targets, " "))
			}
			return cmp.Diff(want, got)
		})
	}
	w.start()
	w.save("skills/one/SKILL.md", "no frontmatter\n")
	w.tells("skills/one", "blocked", "")
	w.terminate()
	if log := w.logText(); strings.Count(log, "notify: of the config is not in use") != 1 {
		t.Errorf("the log does not say once that nobody is told:\n%s", log)
	}
	told()
	w.launch("--allow-notify")
	told("failing skills/one")
	w.terminate() // what it told is on record, also at this moment
	w.launch("--allow-notify")
	w.tells("skills/one", "blocked", "")
	w.save("skills/one/SKILL.md", skillText("one"))
	w.inStep()
	told("failing skills/one", "recovered skills/one")

	// What comes with a pull, say, is not what was allowed.
	w.configWith(watchDefaults+"notify: {command: [sh, -c, 'touch ../other']}\n", globbed)
	w.until("the config is read", func() string {
		if log := w.logText(); !strings.Contains(log, "is not what it was when --allow-notify was given") {
			return log
		}
		return ""
	})
	w.save("skills/one/SKILL.md", "no frontmatter\n")
	told("failing skills/one", "recovered skills/one", "failing skills/one")
	if _, err := os.Stat(w.path("../other")); err == nil {
		t.Error("a command was run that nobody allowed")
	}
}
