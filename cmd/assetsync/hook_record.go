package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// hookRecord is what the last run of a hook came to, for the next status: who
// commits does not look at what happens in the background. It is a file of one
// JSON object.
type hookRecord struct {
	Hook     string       `json:"hook"`
	Commit   string       `json:"commit"`
	Env      string       `json:"env"`
	Asked    time.Time    `json:"asked"` // when git ran the hook
	Finished time.Time    `json:"finished"`
	Daemon   bool         `json:"daemon"` // it was told, and does the work
	ExitCode int          `json:"exit_code"`
	Targets  []hookTarget `json:"targets"`
	Error    string       `json:"error,omitempty"` // why there are no targets
}

// hookTarget is what became of one target. A failure that a later push has
// made good has no error any more.
type hookTarget struct {
	Target  string            `json:"target"`
	Outcome assetsync.Outcome `json:"outcome"`
	Version int32             `json:"version"`
	Error   string            `json:"error,omitempty"`
}

// hookFile is the record in a state directory.
func hookFile(dir string) string { return filepath.Join(dir, "hook.json") }

// readHookRecord returns the record in a state directory; nil when no hook ran.
func readHookRecord(dir string) (*hookRecord, error) {
	data, err := os.ReadFile(hookFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what the last hook did: %w", err)
	}
	var r hookRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read what the last hook did: %s is damaged: %w", hookFile(dir), err)
	}
	return &r, nil
}

// write replaces the record.
func (r *hookRecord) write(dir string) error {
	if r.Targets == nil {
		r.Targets = []hookTarget{}
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record what the hook did: %w", err)
	}
	if err := replaceFile(hookFile(dir), append(data, '\n')); err != nil {
		return fmt.Errorf("record what the hook did: %w", err)
	}
	return nil
}

// add takes over the results of a push.
func (r *hookRecord) add(results []assetsync.Result) {
	for _, res := range results {
		t := hookTarget{Target: res.Target, Outcome: res.Outcome, Version: res.Version}
		switch {
		case res.Error != nil:
			t.Error = res.Error.Message
		case resultCode(res) != 0 && len(res.Problems) > 0:
			t.Error = cmp.Or(string(res.Problems[0].Path), res.Target) + ": " + res.Problems[0].Detail
		case resultCode(res) != 0:
			t.Error = string(res.Outcome)
		}
		r.Targets = append(r.Targets, t)
	}
}

// failures are the targets that failed and were not made good since.
func (r *hookRecord) failures() []hookTarget {
	return slices.DeleteFunc(slices.Clone(r.Targets), func(t hookTarget) bool { return t.Error == "" })
}

// String says what came of the run, in one line.
func (r *hookRecord) String() string {
	text := fmt.Sprintf("%s of commit %.7s at %s: ", r.Hook, r.Commit, r.Finished.Local().Format(time.DateTime))
	failed := r.failures()
	switch {
	case r.Error != "":
		return text + "failed: " + r.Error
	case len(failed) > 0:
		return text + "failed: " + failed[0].words(len(failed))
	case r.Daemon:
		return text + "the daemon was told"
	case len(r.Targets) == 1:
		return text + fmt.Sprintf("%s %s v%d", r.Targets[0].Target, r.Targets[0].Outcome, r.Targets[0].Version)
	}
	return text + count(len(r.Targets), "target") + " in step"
}

// words name a failure, and how many there are besides it.
func (t hookTarget) words(all int) string {
	text := t.Target + ": " + strings.TrimPrefix(t.Error, t.Target+": ") // most errors name it
	if all > 1 {
		text += fmt.Sprintf(" (and %d more)", all-1)
	}
	return text
}

// noteHook tells of a hook whose push has failed, unless what it should have
// published is live by now, as targets of a status show: those of its
// environment. env is that of targets that name none.
func (a *app) noteHook(dir, env string, found []statusTarget) {
	r, err := readHookRecord(dir)
	if err != nil {
		a.say("note: %v; the file can be removed", err)
	}
	if err != nil || r == nil {
		return
	}
	failed := slices.DeleteFunc(r.failures(), func(t hookTarget) bool {
		return slices.ContainsFunc(found, func(s statusTarget) bool {
			return cmp.Or(s.Env, env) == r.Env && s.Target == t.Target && s.Outcome == assetsync.Unchanged
		})
	})
	why := r.Error
	if why == "" && len(failed) > 0 {
		why = failed[0].words(len(failed))
	}
	if why != "" {
		a.say("note: the push of commit %.7s by the %s hook failed: %s; see %s", r.Commit, r.Hook, why, shortPath(hookLogFile(dir), a.cwd))
	}
}

// settleHook takes back the failures of a hook that a push has made good.
func (a *app) settleHook(dir, env string, results []assetsync.Result) error {
	r, err := readHookRecord(dir)
	if err != nil || r == nil || r.Env != "" && r.Env != env || r.Error == "" && len(r.failures()) == 0 {
		return err
	}
	good := func(res assetsync.Result) bool { return resultCode(res) == 0 && res.Outcome != assetsync.Skipped }
	settled := false
	for i, t := range r.Targets {
		at := slices.IndexFunc(results, func(res assetsync.Result) bool { return res.Target == t.Target && good(res) })
		if at >= 0 && t.Error != "" {
			r.Targets[i] = hookTarget{Target: t.Target, Outcome: results[at].Outcome, Version: results[at].Version}
			settled = true
		}
	}
	if r.Error != "" && len(results) > 0 && !slices.ContainsFunc(results, func(res assetsync.Result) bool { return !good(res) }) {
		r.Error, settled = "", true
	}
	if !settled {
		return nil
	}
	return r.write(dir)
}

const (
	// hookLogMax is how large the log of hooks grows before it is put aside as
	// hook.log.1, where the one before that goes: some thousand runs.
	hookLogMax = 1 << 20

	// hookTime is how a moment is handed to the push in the background.
	hookTime = time.RFC3339Nano
)

func hookLogFile(dir string) string { return filepath.Join(dir, "hook.log") }

// openHookLog opens the log for a process that outlives this one.
func (a *app) openHookLog(dir string) (*os.File, error) {
	name := hookLogFile(dir)
	if info, err := os.Stat(name); err == nil && info.Size() > hookLogMax {
		if err := a.turnHookLog(dir); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of the hook: %w", err)
	}
	return f, nil
}

// turnHookLog puts a full log aside. Of two hooks at once, one does.
func (a *app) turnHookLog(dir string) error {
	name := hookLogFile(dir)
	lock, err := state.Hold(name+".lock", state.Owner{PID: os.Getpid(), Command: a.command, Since: a.now()})
	if errors.Is(err, state.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	if info, serr := os.Stat(name); serr == nil && info.Size() > hookLogMax {
		err = os.Rename(name, name+".1")
	}
	return errors.Join(err, lock.Release())
}
