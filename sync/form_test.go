package sync_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
)

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// ends returns files with other line ends.
func ends(files map[string]string, to func(string) string) map[string]string {
	out := map[string]string{}
	for p, content := range files {
		out[p] = to(content)
	}
	return out
}

var textFiles = skill(map[string]string{"a.md": "a\nb\n", "b.md": "c\nd\n", "x.png": "\x00\n"})

// withCRLF is textFiles as a checkout with core.autocrlf has them.
func withCRLF() map[string]string {
	files := ends(textFiles, crlf)
	files["x.png"] = textFiles["x.png"]
	return files
}

// textMachine is a machine that publishes LF.
func (w *world) textMachine(files map[string]string) *machine {
	w.t.Helper()
	m := w.machine(files)
	m.target.Text = manifest.TextLF
	return m
}

// kept reports whether content is in the history of a machine.
func (m *machine) kept(content string) bool {
	m.t.Helper()
	h, err := gitrepo.OpenHistory(filepath.Join(m.state, "history.git"))
	if err != nil {
		m.t.Fatal(err)
	}
	_, ok, err := h.Blob(manifest.BlobID([]byte(content)))
	if err := h.Close(); err != nil {
		m.t.Fatal(err)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return ok
}

func whys(res assetsync.Result) string {
	var out []string
	for _, c := range res.Changes {
		out = append(out, c.Why)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "; ")
}

// Two machines whose checkouts differ by line ends push in turn: a change is a
// version, and nothing else is.
func TestTextOfTwoMachines(t *testing.T) {
	w := newWorld(t)
	windows, linux := w.textMachine(withCRLF()), w.textMachine(textFiles)
	id := windows.mustPush(assetsync.Created).AssetID
	w.wantLive(id, textFiles)
	linux.wantQuiet()
	windows.wantQuiet()
	for i := range 3 {
		before := w.asset(id)
		one, other := windows, linux
		content := fmt.Sprintf("edit %d\n", i)
		if i%2 == 1 {
			one, other = linux, windows
			one.write("a.md", content)
		} else {
			one.write("a.md", crlf(content))
		}
		one.mustPush(assetsync.Published)
		for range 2 {
			one.wantQuiet()
			other.mustPull(map[bool]assetsync.Outcome{true: assetsync.Unchanged, false: assetsync.CheckedOut}[other.files()["a.md"] == content])
			other.wantQuiet()
		}
		if now := w.asset(id); *now.Version != *before.Version+1 {
			t.Errorf("edit %d: version %d became %d", i, *before.Version, *now.Version)
		}
		if got := w.live(id, 0)["a.md"]; got != content {
			t.Errorf("edit %d: live %q", i, got)
		}
	}
	// What was not changed has the line ends that it had.
	want := withCRLF()
	want["a.md"] = windows.files()["a.md"]
	windows.wantFiles(want)
}

// A save that changes line ends alone publishes nothing, whichever way.
func TestTextSavedWithOtherLineEnds(t *testing.T) {
	w := newWorld(t)
	m := w.textMachine(textFiles)
	m.mustPush(assetsync.Created)
	for _, files := range []map[string]string{withCRLF(), textFiles, withCRLF()} {
		writeAll(m, files)
		m.wantQuiet()
		if res := m.status(); res.Outcome != assetsync.Unchanged {
			t.Errorf("status: %s\n%s", res.Outcome, describe(res))
		}
		if res := m.pull(assetsync.PullOptions{}); res.Outcome != assetsync.Unchanged {
			t.Errorf("pull: %s\n%s", res.Outcome, describe(res))
		}
		m.wantFiles(files)
	}
}

// text: lf comes to a target that was published with CRLF, and goes again.
func TestTextSetLater(t *testing.T) {
	published := func(t *testing.T) (*world, *machine, string) {
		w := newWorld(t)
		m := w.machine(withCRLF())
		id := m.mustPush(assetsync.Created).AssetID
		w.wantLive(id, withCRLF())
		m.target.Text = manifest.TextLF
		return w, m, id
	}
	const changed = "update SKILL.md, update a.md, update b.md"
	t.Run("publishes LF once, and says why", func(t *testing.T) {
		w, m, id := published(t)
		for name, res := range map[string]assetsync.Result{"status": m.status(), "push": m.mustPush(assetsync.Published)} {
			if paths(res.Changes) != changed || whys(res) != string(diff.WhyForm) {
				t.Errorf("%s: %v", name, res.Changes)
			}
			if !slices.Contains(res.Notes, "of 3 files only the line ends change: they become LF (text: lf)") {
				t.Errorf("%s: notes %q", name, res.Notes)
			}
		}
		w.wantLive(id, textFiles)
		m.wantQuiet()
		m.wantFiles(withCRLF())
	})
	t.Run("and goes again", func(t *testing.T) {
		w, m, id := published(t)
		m.mustPush(assetsync.Published)
		m.target.Text = manifest.TextExact
		if res := m.mustPush(assetsync.Published); paths(res.Changes) != changed {
			t.Errorf("%v", res.Changes)
		}
		w.wantLive(id, withCRLF())
		m.wantQuiet()
	})
	t.Run("goes again before it had an effect", func(t *testing.T) {
		_, m, _ := published(t)
		m.status()
		m.target.Text = ""
		m.wantQuiet()
	})
	t.Run("a change there is no conflict", func(t *testing.T) {
		w, m, id := published(t)
		w.save(id, "a.md", "theirs\r\n")
		res := m.mustPush(assetsync.Published)
		if paths(res.Changes) != "update SKILL.md, update b.md" || paths(res.Pending) != "update a.md" {
			t.Errorf("changes %v, pending %v", res.Changes, res.Pending)
		}
		m.mustPull(assetsync.CheckedOut)
		if m.files()["a.md"] != "theirs\r\n" || !m.kept("a\r\nb\r\n") {
			t.Errorf("a.md holds %q, what it held is kept: %v", m.files()["a.md"], m.kept("a\r\nb\r\n"))
		}
		m.wantQuiet()
	})
	t.Run("a change here goes with it", func(t *testing.T) {
		w, m, id := published(t)
		m.write("a.md", "ours\r\n")
		m.mustPush(assetsync.Published)
		if got := w.live(id, 0); got["a.md"] != "ours\n" || got["b.md"] != textFiles["b.md"] {
			t.Errorf("live %q", got)
		}
		m.wantQuiet()
	})
	t.Run("a pull before the push changes nothing", func(t *testing.T) {
		w, m, id := published(t)
		m.mustPull(assetsync.Unchanged)
		m.wantFiles(withCRLF())
		m.mustPush(assetsync.Published)
		w.wantLive(id, textFiles)
	})
	t.Run("another machine has published LF already", func(t *testing.T) {
		w, m, _ := published(t)
		other := w.textMachine(textFiles)
		other.want(other.push(assetsync.PushOptions{Prefer: diff.Local}), assetsync.Unchanged)
		m.mustPush(assetsync.Published)
		other.wantQuiet()
		m.wantQuiet()
	})
	t.Run("deleted there", func(t *testing.T) {
		w, m, id := published(t)
		w.remove(id, "a.md")
		m.mustPull(assetsync.CheckedOut)
		if _, there := m.files()["a.md"]; there || !m.kept("a\r\nb\r\n") {
			t.Errorf("files %q, what was deleted is kept: %v", m.files(), m.kept("a\r\nb\r\n"))
		}
	})
}

// What others publish is written as it is, and is no difference where only
// line ends are.
func TestTextPull(t *testing.T) {
	published := func(t *testing.T) (*world, *machine, string) {
		w := newWorld(t)
		m := w.textMachine(withCRLF())
		return w, m, m.mustPush(assetsync.Created).AssetID
	}
	files := func(over map[string]string) map[string]string {
		out := withCRLF()
		maps.Copy(out, over)
		return out
	}
	t.Run("line ends alone", func(t *testing.T) {
		w, m, id := published(t)
		w.save(id, "a.md", "a\r\nb\r\n")
		w.save(id, "b.md", "c\r\nd\n")
		m.wantQuiet()
		m.mustPull(assetsync.Unchanged)
		m.wantFiles(withCRLF())
		m.wantQuiet()
		if got := w.live(id, 0)["a.md"]; got != "a\r\nb\r\n" {
			t.Errorf("what others wrote became %q", got)
		}
		m.write("a.md", "mine\r\n")
		m.mustPush(assetsync.Published)
		if got := w.live(id, 0)["a.md"]; got != "mine\n" {
			t.Errorf("live %q", got)
		}
	})
	t.Run("an edit over CRLF", func(t *testing.T) {
		w, m, id := published(t)
		w.save(id, "a.md", "theirs\n")
		m.mustPull(assetsync.CheckedOut)
		m.wantFiles(files(map[string]string{"a.md": "theirs\n"}))
		if !m.kept("a\r\nb\r\n") {
			t.Error("what was replaced is not kept as it was")
		}
		m.wantQuiet()
	})
	t.Run("an edit with CRLF", func(t *testing.T) {
		w, m, id := published(t)
		w.save(id, "a.md", "theirs\r\n")
		w.save(id, "new.md", "new\r\n")
		m.mustPull(assetsync.CheckedOut)
		m.wantFiles(files(map[string]string{"a.md": "theirs\r\n", "new.md": "new\r\n"}))
		m.wantQuiet()
		m.mustPull(assetsync.Unchanged)
		m.write("a.md", "theirs\n")
		m.wantQuiet()
	})
	t.Run("beside an edit here", func(t *testing.T) {
		w, m, id := published(t)
		w.save(id, "a.md", "theirs\n")
		m.write("a.md", "ours\r\n")
		m.want(m.pull(assetsync.PullOptions{}), assetsync.Conflict)
		m.wantFiles(files(map[string]string{"a.md": "ours\r\n"}))
		m.want(m.pull(assetsync.PullOptions{Prefer: diff.Remote}), assetsync.CheckedOut)
		m.wantFiles(files(map[string]string{"a.md": "theirs\n"}))
		if !m.kept("ours\r\n") {
			t.Error("what was replaced is not kept as it was")
		}
	})
	t.Run("the same edit on both sides", func(t *testing.T) {
		w, m, id := published(t)
		w.save(id, "a.md", "same\n")
		m.write("a.md", "same\r\n")
		m.mustPull(assetsync.Unchanged)
		m.wantFiles(files(map[string]string{"a.md": "same\r\n"}))
		m.wantQuiet()
	})
	t.Run("a deletion", func(t *testing.T) {
		w, m, id := published(t)
		w.remove(id, "a.md")
		m.mustPull(assetsync.CheckedOut)
		if _, there := m.files()["a.md"]; there || !m.kept("a\r\nb\r\n") {
			t.Errorf("files %q, what was deleted is kept: %v", m.files(), m.kept("a\r\nb\r\n"))
		}
	})
	t.Run("an older version", func(t *testing.T) {
		w, m, id := published(t)
		m.write("a.md", "second\r\n")
		m.mustPush(assetsync.Published)
		m.want(m.pull(assetsync.PullOptions{Version: 1}), assetsync.CheckedOut)
		m.wantFiles(files(map[string]string{"a.md": "a\nb\n"}))
		m.mustPush(assetsync.Published)
		w.wantLive(id, textFiles)
		m.wantQuiet()
	})
	t.Run("into nothing", func(t *testing.T) {
		w, _, id := published(t)
		w.save(id, "a.md", "a\r\nb\r\n")
		m := w.textMachine(nil)
		m.target.AssetID = id
		m.mustPull(assetsync.CheckedOut)
		want := maps.Clone(textFiles)
		want["a.md"] = "a\r\nb\r\n"
		m.wantFiles(want)
		m.wantQuiet()
	})
}

// A save between the look at a file and its replacement is found, also where
// only line ends differ.
func TestTextSavedWhilePulled(t *testing.T) {
	w := newWorld(t)
	m := w.textMachine(withCRLF())
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs\n")
	reads := 0
	w.before = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/files/a.md") {
			reads++
			m.write("a.md", "saved\r\n")
		}
	}
	res := m.pull(assetsync.PullOptions{})
	w.before = nil
	if reads == 0 {
		t.Fatal("the file was not read while the plan was made")
	}
	m.want(res, assetsync.Conflict)
	if got := m.files()["a.md"]; got != "saved\r\n" {
		t.Errorf("the save became %q", got)
	}
}

// A single file has derived metadata, which is that of its LF form.
func TestTextOfSingleFile(t *testing.T) {
	w := newWorld(t)
	m := w.textMachine(nil)
	m.target.Type = "attachment"
	m.target.Path = filepath.Join(m.dir, "table.csv")
	m.target.Metadata = map[string]any{}
	m.write("table.csv", "a\r\nb\r\n")
	size := func(id string) string {
		t.Helper()
		md, err := w.asset(id).Metadata.Map()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(md["size"])
	}
	id := m.mustPush(assetsync.Created).AssetID
	if got := w.live(id, 0)["table.csv"]; got != "a\nb\n" || size(id) != "4" {
		t.Errorf("live %q of size %s", got, size(id))
	}
	m.wantQuiet()
	w.save(id, "table.csv", "a\r\nb\r\n")
	w.setMetadata(id, map[string]any{"size": 6})
	for range 2 {
		m.wantQuiet()
		m.mustPull(assetsync.Unchanged)
	}
	if size(id) != "6" {
		t.Errorf("size %s of a file of 6 bytes", size(id))
	}
	m.write("table.csv", "c\r\n")
	m.mustPush(assetsync.Published)
	if got := w.live(id, 0)["table.csv"]; got != "c\n" || size(id) != "2" {
		t.Errorf("live %q of size %s", got, size(id))
	}
}

// autocrlf is a clone as git makes it with core.autocrlf.
func (m *machine) autocrlf(value string) *machine { return m.clone("-c", "core.autocrlf="+value) }

// A commit that holds CRLF, a checkout with core.autocrlf and one without
// publish the same bytes.
func TestTextOfGitSource(t *testing.T) {
	w := newWorld(t)
	dev := w.textMachine(skill(map[string]string{"a.md": "a\r\nb\r\n", "b.md": "c\nd\n", "x.png": "\x00\n"}))
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("first")
	source := dev.clone()
	source.target.Rev = "HEAD"
	id := source.mustPush(assetsync.Created).AssetID
	w.wantLive(id, textFiles)
	source.wantQuiet()
	for _, value := range []string{"true", "false", "input"} {
		checkout := dev.autocrlf(value)
		if strings.Contains(checkout.files()["b.md"], "\r") != (value == "true") {
			t.Fatalf("core.autocrlf=%s: b.md holds %q", value, checkout.files()["b.md"])
		}
		checkout.wantQuiet()
	}
	dev.write("b.md", "e\r\n")
	dev.commitNow("second")
	next := dev.clone()
	next.target.Rev = "HEAD"
	if res := next.mustPush(assetsync.Published); paths(res.Changes) != "update b.md" {
		t.Errorf("%v", res.Changes)
	}
	if got := w.live(id, 0)["b.md"]; got != "e\n" {
		t.Errorf("live %q", got)
	}
	next.wantQuiet()
}

// Pipelines have no state, and check out with and without core.autocrlf.
func TestTextWithoutState(t *testing.T) {
	w := newWorld(t)
	dev := w.textMachine(textFiles)
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("first")
	id := dev.autocrlf("true").mustPush(assetsync.Created).AssetID
	w.wantLive(id, textFiles)
	dev.autocrlf("false").wantQuiet()
	for i, value := range []string{"true", "false", "true"} {
		content := fmt.Sprintf("edit %d\n", i)
		dev.write("a.md", content)
		dev.commitNow(content)
		if res := dev.autocrlf(value).mustPush(assetsync.Published); paths(res.Changes) != "update a.md" {
			t.Errorf("core.autocrlf=%s: %v", value, res.Changes)
		}
		if got := w.live(id, 0)["a.md"]; got != content {
			t.Errorf("live %q", got)
		}
		dev.autocrlf("true").wantQuiet()
		dev.autocrlf("false").wantQuiet()
	}
	// Line ends that somebody changed in the web are no difference.
	w.save(id, "b.md", "c\r\nd\r\n")
	dev.autocrlf("true").wantQuiet()
	dev.write("a.md", "last\n")
	dev.commitNow("last")
	if res := dev.autocrlf("false").mustPush(assetsync.Published); paths(res.Changes) != "update a.md" {
		t.Errorf("%v", res.Changes)
	}
}

// A pipeline that published CRLF gets text: lf: it publishes LF once.
func TestTextWithoutStateSetLater(t *testing.T) {
	w := newWorld(t)
	dev := w.machine(withCRLF())
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("first")
	id := dev.clone().mustPush(assetsync.Created).AssetID
	w.wantLive(id, withCRLF())
	dev.target.Text = manifest.TextLF
	if res := dev.clone().mustPush(assetsync.Published); len(res.Changes) != 3 || whys(res) != string(diff.WhyForm) {
		t.Errorf("%v", res.Changes)
	}
	w.wantLive(id, textFiles)
	dev.clone().wantQuiet()
	dev.autocrlf("input").wantQuiet()
	w.save(id, "a.md", "a\r\nb\r\n")
	dev.clone().wantQuiet()
	dev.write("b.md", "next\n")
	dev.commitNow("second")
	if res := dev.clone().mustPush(assetsync.Published); paths(res.Changes) != "update b.md" {
		t.Errorf("%v", res.Changes)
	}
	dev.clone().wantQuiet()
}

// TestNoteOfLineEnds says when git has changed line ends in the worktree.
func TestNoteOfLineEnds(t *testing.T) {
	const note = "only by line ends"
	tests := []struct {
		name    string
		commit  map[string]string
		files   map[string]string
		prepare func(*machine)
		want    bool
	}{
		{"CRLF here", textFiles, withCRLF(), nil, true},
		{"CRLF in the commit", withCRLF(), textFiles, nil, true},
		{"one file of several", textFiles, map[string]string{"b.md": "c\r\nd\r\n"}, nil, true},
		{"one line of several", textFiles, map[string]string{"b.md": "c\r\nd\n"}, nil, true},
		{"as committed", textFiles, nil, nil, false},
		{"CRLF on both sides", withCRLF(), nil, nil, false},
		{"another content", textFiles, map[string]string{"a.md": "x\r\ny\r\n"}, nil, false},
		{"not in the commit", textFiles, map[string]string{"new.md": "x\r\n"}, nil, false},
		{"binary", textFiles, map[string]string{"x.png": "\x00\r\n"}, nil, false},
		{"published as LF", textFiles, withCRLF(), func(m *machine) { m.target.Text = manifest.TextLF }, false},
		{"published from the commit", textFiles, withCRLF(), func(m *machine) { m.target.Rev = "HEAD" }, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(tc.commit)
			m.git("init", "-q", "-b", "main")
			m.git("config", "core.autocrlf", "false")
			commit := m.commitNow("first")
			writeAll(m, tc.files)
			if tc.prepare != nil {
				tc.prepare(m)
			}
			check := func(when string, res assetsync.Result, want bool) {
				t.Helper()
				var found []string
				for _, n := range res.Notes {
					if strings.Contains(n, note) {
						found = append(found, n)
					}
				}
				if (len(found) == 1) != want || len(found) > 1 || want && !strings.Contains(found[0], "commit "+commit[:7]+" ") {
					t.Errorf("%s: notes %q, want one: %v", when, found, want)
				}
			}
			check("status before", m.status(), tc.want)
			check("dry run", m.push(assetsync.PushOptions{DryRun: true}), tc.want)
			check("creation", m.mustPush(assetsync.Created), tc.want)
			check("with nothing to do", m.push(assetsync.PushOptions{}), false)
			check("status with nothing to do", m.status(), false)
			if tc.prepare != nil {
				return
			}
			m.write("other.md", "x\n")
			check("another change", m.mustPush(assetsync.Published), false)
			m.write("a.md", crlf(tc.commit["a.md"])+"\r\n")
			m.mustPush(assetsync.Published)
			m.write("a.md", strings.ReplaceAll(tc.commit["a.md"], "\r", ""))
			check("back to LF", m.push(assetsync.PushOptions{}), tc.commit["a.md"] != textFiles["a.md"])
		})
	}
}

// Of the commit no other file is read than those that were changed: the content of
// another one may be missing.
func TestNoteOfLineEndsReadsWhatChanged(t *testing.T) {
	w := newWorld(t)
	m := w.machine(textFiles)
	m.mustPush(assetsync.Created)
	m.git("init", "-q", "-b", "main")
	m.git("config", "core.autocrlf", "false")
	m.commitNow("first")
	other := m.git("rev-parse", "HEAD:b.md")
	if err := os.Remove(filepath.Join(m.dir, ".git/objects", other[:2], other[2:])); err != nil {
		t.Fatal(err)
	}
	m.write("a.md", crlf(textFiles["a.md"]))
	if res := m.mustPush(assetsync.Published); !slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "only by line ends") }) {
		t.Errorf("notes %q, want one of line ends", res.Notes)
	}
}

// A single file is compared with the file that the commit has, under its own name.
func TestNoteOfLineEndsOfAFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(map[string]string{"chat.md": "a\r\nb\r\n"})
	m.target.Type, m.target.Path = "agents_md", filepath.Join(m.dir, "chat.md")
	m.target.Metadata = map[string]any{"agent_type": "CHAT"}
	m.git("init", "-q", "-b", "main")
	m.git("config", "core.autocrlf", "false")
	m.commitNow("first")
	m.write("chat.md", "a\nb\n")
	if res := m.mustPush(assetsync.Created); !slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "only by line ends") }) {
		t.Errorf("notes %q, want one of line ends", res.Notes)
	}
}

// Where there is no commit to compare with, nothing is said.
func TestNoteOfLineEndsWithoutCommit(t *testing.T) {
	w := newWorld(t)
	m := w.machine(withCRLF())
	m.git("init", "-q", "-b", "main")
	if res := m.mustPush(assetsync.Created); len(res.Notes) > 0 {
		t.Errorf("notes %q", res.Notes)
	}
}

// A diff shows what a push changes: line ends where that is all, once, and not
// where they are no difference.
func TestTextDiff(t *testing.T) {
	w := newWorld(t)
	m := w.machine(withCRLF())
	id := m.mustPush(assetsync.Created).AssetID
	m.target.Text = manifest.TextLF
	differ := func(from string) string {
		t.Helper()
		trees := map[string]manifest.Tree{}
		m.engine(func(e *assetsync.Engine) {
			for _, name := range []string{from, "local"} {
				c, res := e.Revision(t.Context(), assetsync.Revision{Kind: assetsync.RevisionKind(name)})
				if res.Error != nil {
					t.Fatal(describe(res))
				}
				trees[name] = c.Bundle.Tree()
			}
		})
		var out []string
		for _, c := range diff.Two(trees[from], trees["local"]) {
			out = append(out, string(c.Path))
		}
		return strings.Join(out, " ")
	}
	if got := differ("remote"); got != "SKILL.md a.md b.md" {
		t.Errorf("before LF is published, %q differ", got)
	}
	m.mustPush(assetsync.Published)
	w.save(id, "a.md", "a\r\nb\r\n")
	w.save(id, "b.md", "theirs\r\n")
	for range 2 {
		if got := differ("remote"); got != "b.md" {
			t.Errorf("%q differ, want what others changed", got)
		}
		m.mustPush(assetsync.Unchanged)
	}
	m.mustPull(assetsync.CheckedOut)
	for _, from := range []string{"remote", "base"} {
		if got := differ(from); got != "" {
			t.Errorf("from %s: %q differ after a pull", from, got)
		}
	}
}
