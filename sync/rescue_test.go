package sync_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"assetsync/manifest"
	"assetsync/manifest/durable"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// slippedIn lets a save of a file slip in just before a verb takes the file away,
// and the process die some steps later.
func (m *machine) slippedIn(file string, later int, verb func(*assetsync.Engine)) {
	m.t.Helper()
	saved := false
	m.disk = func(string) durable.Hook {
		return func(op durable.Op, do func() error) error {
			if op.Name == file && (op.Step == durable.Exchange || op.Step == durable.Aside) && !saved {
				saved = true
				m.write(file, "saved")
			}
			err := do()
			if saved {
				if later--; later < 0 {
					runtime.Goexit()
				}
			}
			return err
		}
	}
	m.mortal(verb)
	if !saved {
		m.t.Errorf("%s was never taken away", file)
	}
	m.age()
}

// copies are the contents of all conflict copies.
func (m *machine) copies() (all []string) {
	m.t.Helper()
	dir := filepath.Join(m.state, "conflicts")
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		all = append(all, string(data))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return all
}

// TestSlippedInAndKilled lets a save slip in just when a pull takes the file away,
// and the pull die before it has looked at what it took. Whatever comes next, the
// save is in its place again, or what people have made since is, and the save in a
// copy that they are told of.
func TestSlippedInAndKilled(t *testing.T) {
	next := map[string]func(t *testing.T, e *assetsync.Engine) assetsync.Result{
		"push": func(t *testing.T, e *assetsync.Engine) assetsync.Result {
			return e.Push(t.Context(), assetsync.PushOptions{})
		},
		"pull": func(t *testing.T, e *assetsync.Engine) assetsync.Result {
			return e.Pull(t.Context(), assetsync.PullOptions{})
		},
		"sync": func(t *testing.T, e *assetsync.Engine) assetsync.Result {
			return e.Sync(t.Context(), assetsync.SyncOptions{})
		},
		"resolve": func(t *testing.T, e *assetsync.Engine) assetsync.Result {
			return e.Resolve(t.Context(), assetsync.ResolveOptions{Take: assetsync.Ours})
		},
		"restore": func(t *testing.T, e *assetsync.Engine) assetsync.Result {
			_, res := e.Restore(t.Context(), 1, []manifest.Path{"e.md"}, assetsync.BackOptions{})
			return res
		},
		"undo --local": func(t *testing.T, e *assetsync.Engine) assetsync.Result {
			_, res := e.UndoLocal(t.Context(), assetsync.BackOptions{})
			return res
		},
	}
	for name, verb := range next {
		for _, file := range []string{"a.md", "dir/b.md", "c.md", "dir/d.md"} {
			for _, edited := range []bool{false, true} {
				for later := range 4 {
					t.Run(strings.Join([]string{name, strings.ReplaceAll(file, "/", "."), map[bool]string{true: "edited", false: "left"}[edited]}, ","), func(t *testing.T) {
						w, m, id := puller(t)
						if name == "sync" {
							m.target.Direction = assetsync.BothWays
						}
						m.slippedIn(file, later, func(e *assetsync.Engine) { e.Pull(t.Context(), assetsync.PullOptions{}) })
						overwritten := false
						if edited {
							overwritten = m.files()[file] == "saved"
							m.write(file, "edited")
						}
						var res assetsync.Result
						m.engine(func(e *assetsync.Engine) { res = verb(t, e) })
						here, live := m.files()[file], w.live(id, 0)[file]
						switch {
						case !edited && here != "saved":
							t.Errorf("%s=%q, live %q, copies %q\n%s", file, here, live, m.copies(), describe(res))
						case edited && here != "edited":
							t.Errorf("%s=%q\n%s", file, here, describe(res))
						case edited && !overwritten && (!slices.Contains(m.copies(), "saved") || !strings.Contains(strings.Join(res.Notes, "\n"), file+" was saved while")):
							t.Errorf("the save is lost or not told: copies %q\n%s", m.copies(), describe(res))
						}
						if res.Error != nil && res.Error.Kind != assetsync.KindConflict {
							t.Errorf("%s", describe(res))
						}
						if again := m.pull(assetsync.PullOptions{}); m.files()[file] != here {
							t.Errorf("then %s=%q\n%s", file, m.files()[file], describe(again))
						}
					})
				}
			}
		}
	}
}

// TestSlippedIntoUndo does the same with undo --local, and with a pull of what git
// publishes: no base moves there.
func TestSlippedIntoUndo(t *testing.T) {
	for later := range 4 {
		_, m, _ := puller(t)
		m.mustPull(assetsync.CheckedOut)
		m.slippedIn("a.md", later, func(e *assetsync.Engine) { e.UndoLocal(t.Context(), assetsync.BackOptions{}) })
		res := m.push(assetsync.PushOptions{})
		if here := m.files()["a.md"]; here != "saved" && !slices.Contains(m.copies(), "saved") {
			t.Errorf("a.md=%q, copies %q\n%s", here, m.copies(), describe(res))
		}
	}
}

// TestWrittenAfterwards holds a file open while a pull replaces it, and writes then:
// what is settled stays, and the write is told.
func TestWrittenAfterwards(t *testing.T) {
	w, m, id := puller(t)
	held, err := os.OpenFile(filepath.Join(m.dir, "a.md"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	m.disk = func(string) durable.Hook {
		return func(op durable.Op, do func() error) error {
			if op.Step == durable.Remove && strings.Contains(op.Name, manifest.TempPrefix) {
				return fs.ErrPermission // what the check out leaves stays for now
			}
			return do()
		}
	}
	m.pull(assetsync.PullOptions{})
	m.disk = nil
	if _, err := held.WriteString("written late"); err != nil {
		t.Fatal(err)
	}
	m.age()
	res := m.push(assetsync.PushOptions{})
	if !slices.Contains(m.copies(), "written late") || m.files()["a.md"] != "a of theirs" {
		t.Errorf("a.md=%q, copies %q\n%s", m.files()["a.md"], m.copies(), describe(res))
	}
	if live := w.live(id, 0)["a.md"]; live != "a of theirs" {
		t.Errorf("live a.md=%q", live)
	}
}

// TestSlippedIntoText does it with a text of which the plan knows another form than
// what is checked out.
func TestSlippedIntoText(t *testing.T) {
	for later := range 4 {
		w := newWorld(t)
		m := w.machine(skill(map[string]string{"a.md": "a\r\nb\r\n"}))
		m.target.Text = manifest.TextLF
		id := m.push(assetsync.PushOptions{}).AssetID
		w.save(id, "a.md", "theirs\r\n")
		m.slippedIn("a.md", later, func(e *assetsync.Engine) { e.Pull(t.Context(), assetsync.PullOptions{}) })
		if res := m.push(assetsync.PushOptions{}); m.files()["a.md"] != "saved" {
			t.Errorf("a.md=%q, copies %q\n%s", m.files()["a.md"], m.copies(), describe(res))
		}
	}
}

// TestSlippedInBesideAnother pushes the same directory to another environment before
// the one that was pulled from is used again: the save is still there for it.
func TestSlippedInBesideAnother(t *testing.T) {
	for later := range 4 {
		_, m, _ := puller(t)
		here, other := m.space, m.space
		other.AgentSpace = "sp-other"
		in := func(space state.Space) assetsync.Result {
			m.space = space
			return m.push(assetsync.PushOptions{})
		}
		in(other)
		m.space = here
		m.slippedIn("a.md", later, func(e *assetsync.Engine) { e.Pull(t.Context(), assetsync.PullOptions{}) })
		in(other)
		if res := in(here); m.files()["a.md"] != "saved" {
			t.Errorf("a.md=%q, copies %q\n%s", m.files()["a.md"], m.copies(), describe(res))
		}
	}
}
