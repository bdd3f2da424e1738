//go:build unix

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"assetsync/sync/daemon"
)

// TestWatchConfigTrouble takes the config away, or breaks it, while the
// daemon runs: the old one stays in use, which is told, and a later one is
// taken up.
func TestWatchConfigTrouble(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hurt  func(*world)
		words string
	}{
		{"deleted", func(w *world) { w.remove("assetsync.yaml") }, `assetsync\.yaml`},
		{"broken", func(w *world) { w.save("assetsync.yaml", "targets: [\n") }, `assetsync\.yaml:`},
		{"unknown key", func(w *world) { w.configWith(watchDefaults+"colour: red\n", globbed) }, `colour`},
		{"empty", func(w *world) { w.save("assetsync.yaml", "") }, `.`},
		{"a directory", func(w *world) { w.remove("assetsync.yaml"); w.must(os.Mkdir(w.path("assetsync.yaml"), 0o755)) }, `assetsync\.yaml`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, globbed, "one")
			w.start()
			hold, err := os.ReadFile(w.path("assetsync.yaml"))
			w.must(err)
			tt.hurt(w)
			w.sees("the trouble is told", func(h daemon.Health) string {
				if h.Config == "" || !strings.Contains(h.Summary, "1 in step") {
					return "it is not: " + h.Config + h.Summary
				}
				return ""
			})
			if h, err := w.health(); err != nil || !strings.Contains(h.Config, "assetsync.yaml") && !strings.Contains(h.Config, "target") {
				t.Errorf("config: %q, %v", h.Config, err)
			}
			w.watchSays(`the old config is in use: `)
			// The old one goes on.
			w.save("skills/one/limits.md", "another limit\n")
			w.until("the save is published", func() string { return w.differsOnDisk("skills/one") })
			w.skill("two")
			w.remove("assetsync.yaml")
			w.save("assetsync.yaml", string(hold))
			w.sees("the new skill is a target", func(h daemon.Health) string {
				if viewOf(h, "skills/two").Target == "" {
					return "it is none"
				}
				return ""
			})
			w.inStep()
			w.published("skills/one", 1, 1, 1)
			w.published("skills/two", 1, 0, 0)
			w.nothingDeleted()
		})
	}
}

// TestWatchConfigAbove deletes the config while there is another one further
// up: that is not taken for it.
func TestWatchConfigAbove(t *testing.T) {
	t.Parallel()
	above := newWorld(t, globbed, "other")
	w := &world{T: t, dir: above.path("sub"), env: above.env, remote: above.remote}
	w.config(globbed)
	w.skill("one")
	t.Cleanup(w.close)
	w.start()
	hold, err := os.ReadFile(w.path("assetsync.yaml"))
	w.must(err)
	w.remove("assetsync.yaml")
	w.sees("the trouble is told", func(h daemon.Health) string {
		if viewOf(h, "skills/one").Target == "" || len(h.Targets) != 1 {
			t.Fatalf("the config further up is in use: %+v", h)
		}
		if h.Config == "" {
			return "it is not"
		}
		return ""
	})
	w.watchSays(`the old config is in use: `)
	w.succeed("watch", "--pause")
	w.succeed("watch", "--resume")
	w.save("assetsync.yaml", string(hold))
	w.inStep()
	if id, err := w.remote.find("other"); id != "" || err != nil {
		t.Errorf("the target of the config further up was published as %q, %v", id, err)
	}
}

// TestWatchHangup sends SIGHUP: the config is read again and all goes on, also
// while it is broken.
func TestWatchHangup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one")
	w.start()
	for range 3 {
		w.must(w.daemon.cmd.Process.Signal(syscall.SIGHUP))
	}
	w.inStep()
	w.save("assetsync.yaml", "no: config\n")
	w.must(w.daemon.cmd.Process.Signal(syscall.SIGHUP))
	w.sees("the trouble is told", func(h daemon.Health) string {
		if h.Config == "" {
			return "it is not"
		}
		return ""
	})
	w.watchSays(`the old config is in use: `)
	w.config(globbed + "  - path: skills/one\n    metadata: {agent_types: [INCIDENT_TRIAGE]}\n")
	w.must(w.daemon.cmd.Process.Signal(syscall.SIGHUP))
	w.inStep()
	w.until("the metadata is published", func() string {
		assets, err := w.remote.assets()
		w.must(err)
		about, err := assets["one"].Metadata.Map()
		w.must(err)
		if got := fmt.Sprint(about["agent_types"]); got != "[INCIDENT_TRIAGE]" {
			return "it is " + got
		}
		return ""
	})
	w.nothingDeleted()
}

// TestWatchNewAndGoneSkills makes and removes skills below a glob: a new one
// becomes a target without a restart, and a removed one is no deletion.
func TestWatchNewAndGoneSkills(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one", "two")
	w.start()
	w.skill("three")
	w.sees("a new skill is a target", func(h daemon.Health) string {
		if viewOf(h, "skills/three").Target == "" {
			return "it is none"
		}
		return ""
	})
	w.inStep()
	w.save("draft/SKILL.md", skillText("four"))
	w.save("draft/references/depth.md", "1\n")
	w.rename("draft", "skills/deep/down/four") // all of it at once, further down
	w.sees("a skill that was moved here is a target", func(h daemon.Health) string {
		if viewOf(h, "skills/deep/down/four").Target == "" {
			return "it is none"
		}
		return ""
	})
	w.inStep()
	w.remove("skills/two")
	w.sees("a removed one is no target", func(h daemon.Health) string {
		if viewOf(h, "skills/two").Target != "" || len(h.Targets) != 3 {
			return "it is one"
		}
		return ""
	})
	w.statusSays(`note: skills/two was published before and is no target any more; its asset ki-.* stays as it is`)
	if files, err := w.remote.files(w.remote.idOf("two"), 0); err != nil || len(files) != 2 {
		t.Errorf("the asset of the removed one is %v, %v", files, err)
	}
	w.skill("two")
	w.save("skills/two/limits.md", "another limit\n")
	w.sees("it is one again", func(h daemon.Health) string {
		if viewOf(h, "skills/two").Target == "" {
			return "it is none"
		}
		return ""
	})
	w.inStep()
	w.published("skills/two", 1, 1, 1)
	w.published("skills/one", 1, 0, 0)
	w.nothingDeleted()
}

// TestWatchIgnoreEdited edits the rules while the daemon runs. What they let
// in is published, what they keep out stays as it is on the remote.
func TestWatchIgnoreEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one")
	ignored := map[string]bool{"trace.md": true}
	w.private = func(name string) bool { return ignored[name] }
	w.save("skills/one/.gitignore", "trace.md\n")
	w.save("skills/one/trace.md", "1\n")
	w.start()
	w.save("skills/one/trace.md", "2\n")
	ignored["trace.md"] = false
	w.save("skills/one/.gitignore", "# nothing\n")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	// Ignored again, it is let go: it stays there, and changes here are
	// nobody's business.
	w.save("skills/one/.gitignore", "trace.md\n")
	w.save("skills/one/trace.md", "3\n")
	w.save("skills/one/limits.md", "another limit\n")
	id := w.remote.idOf("one")
	w.until("the other file is published", func() string {
		files, err := w.remote.files(id, 0)
		w.must(err)
		if files["limits.md"] != "another limit\n" {
			return "it is not"
		}
		if files["trace.md"] != "2\n" {
			t.Fatalf("trace.md became %q", files["trace.md"])
		}
		return ""
	})
	w.sees("all is told to be in step", func(h daemon.Health) string {
		v := viewOf(h, "skills/one")
		if v.State != daemon.InStep {
			return "it is " + string(v.State) + v.Reason
		}
		return ""
	})
	w.published("skills/one", 1, 2, 2)
	w.nothingDeleted()
}
