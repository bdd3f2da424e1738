package sync_test

import (
	"maps"
	"os/exec"
	"strings"
	"testing"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
)

// lines is a text of nine lines, some of which are replaced: "1=ours" is the
// first one as "ours".
func lines(edits ...string) string {
	text := []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	for _, e := range edits {
		text[e[0]-'1'] = e[2:]
	}
	return strings.Join(text, "\n") + "\n"
}

// merging is a machine that was in step, and the id of its asset.
func merging(w *world) (m *machine, id string) {
	m = w.machine(skill(map[string]string{"a.md": lines(), "b.md": "b"}))
	return m, m.mustPush(assetsync.Created).AssetID
}

func TestMerge(t *testing.T) {
	worlds := []string{""}
	for _, q := range emulator.AllQuirks() {
		for _, reading := range q.Readings {
			worlds = append(worlds, q.Name+"="+reading)
		}
	}
	for _, quirk := range worlds {
		t.Run(quirk, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if quirk != "" {
				w = newWorld(t, quirk)
			}
			m, id := merging(w)
			m.write("a.md", lines("1=ours"))
			w.save(id, "a.md", lines("9=theirs"))
			res := m.mustPush(assetsync.Published)
			if !strings.Contains(describe(res), "merged with what somebody else changed: a.md") {
				t.Errorf("the merge is not told:\n%s", describe(res))
			}
			w.wantFile(id, "a.md", lines("1=ours", "9=theirs"))
			m.wantFile("a.md", lines("1=ours"))
			m.wantQuiet()

			// The next edit of the same line is merged with the same change.
			m.write("a.md", lines("1=ours again"))
			m.mustPush(assetsync.Published)
			w.wantFile(id, "a.md", lines("1=ours again", "9=theirs"))
			m.wantQuiet()

			// What was merged is taken over by a pull, and that is all.
			m.mustPull(assetsync.CheckedOut)
			m.wantFile("a.md", lines("1=ours again", "9=theirs"))
			m.wantQuiet()
			if res := m.mustPull(assetsync.Unchanged); len(res.Changes) > 0 {
				t.Errorf("a second pull:\n%s", describe(res))
			}

			// A pull merges too, and the push after it publishes.
			m.write("a.md", lines("1=ours again", "3=more", "9=theirs"))
			w.save(id, "a.md", lines("1=ours again", "7=less", "9=theirs"))
			m.mustPull(assetsync.CheckedOut)
			m.wantFile("a.md", lines("1=ours again", "3=more", "7=less", "9=theirs"))
			m.mustPush(assetsync.Published)
			w.wantFile(id, "a.md", lines("1=ours again", "3=more", "7=less", "9=theirs"))
			m.wantQuiet()
		})
	}
}

func (w *world) wantFile(id, path, want string) {
	w.t.Helper()
	if got := w.live(id, 0)[path]; got != want {
		w.t.Errorf("%s of the asset is %q, want %q", path, got, want)
	}
}

func (m *machine) wantFile(path, want string) {
	m.t.Helper()
	if got := m.files()[path]; got != want {
		m.t.Errorf("%s here is %q, want %q", path, got, want)
	}
}

// TestMergeRefused are changes of both sides that stay a conflict: nothing of
// the path is written on either side.
func TestMergeRefused(t *testing.T) {
	for _, tt := range []struct {
		name          string
		path          string
		start         string
		ours, theirs  string
		set           func(*machine)
		wantElsewhere bool // b.md is published all the same
	}{
		{name: "the same line", path: "a.md", start: lines(), ours: lines("5=ours"), theirs: lines("5=theirs"), wantElsewhere: true},
		{name: "binary", path: "a.md", start: "\x00\n" + lines(), ours: "\x00\n" + lines("1=ours"), theirs: "\x00\n" + lines("9=theirs"), wantElsewhere: true},
		{
			name: "the name changes there", path: "SKILL.md", start: skillMain + lines(), ours: skillMain + lines("9=ours"),
			theirs: strings.Replace(skillMain, "name: demo", "name: other", 1) + lines(), wantElsewhere: true,
		},
		{
			name: "one key at two places", path: "SKILL.md", start: skillMain,
			ours:   strings.Replace(skillMain, "---\n# ", "license: MIT\n---\n# ", 1),
			theirs: strings.Replace(skillMain, "name: demo\n", "name: demo\nlicense: Apache-2.0\n", 1), wantElsewhere: true,
		},
		{
			name: "a revision is published", path: "a.md", start: lines(), ours: lines("1=ours"), theirs: lines("9=theirs"),
			set: func(m *machine) { m.target.Rev = "HEAD" }, wantElsewhere: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{tt.path: tt.start, "b.md": "b"}))
			id := m.mustPush(assetsync.Created).AssetID
			m.write(tt.path, tt.ours)
			m.write("b.md", "B")
			w.save(id, tt.path, tt.theirs)
			if tt.set != nil {
				tt.set(m)
				m.commitAll()
			}
			res := m.push(assetsync.PushOptions{})
			if res.Error == nil || res.Error.Kind != assetsync.KindConflict || len(res.Conflicts) != 1 {
				t.Errorf("outcome %s\n%s", res.Outcome, describe(res))
			}
			w.wantFile(id, tt.path, tt.theirs)
			m.wantFile(tt.path, tt.ours)
			if got := w.live(id, 0)["b.md"]; (got == "B") != tt.wantElsewhere {
				t.Errorf("b.md of the asset is %q", got)
			}
		})
	}
}

// commitAll makes the directory's parent a repository with one commit.
func (m *machine) commitAll() {
	m.t.Helper()
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "all"}} {
		cmd := exec.CommandContext(m.t.Context(), "git", append([]string{"-C", m.dir}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			m.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

// TestMergeMeanwhile lets somebody change another line of a file between the
// look and the write that overwrites it.
func TestMergeMeanwhile(t *testing.T) {
	for _, byZip := range []bool{false, true} {
		for _, overlap := range []bool{false, true} {
			w := newWorld(t)
			m, id := merging(w)
			m.write("a.md", lines("1=ours"))
			if byZip {
				writeAll(m, fiveFiles)
				m.write("a.md", lines("1=ours"))
			}
			theirs := lines("9=theirs")
			if overlap {
				theirs = lines("1=theirs")
			}
			w.beforeWrite(func() { w.save(id, "a.md", theirs) })
			res := m.push(assetsync.PushOptions{})
			if overlap {
				if res.Outcome != assetsync.Conflict && len(res.Conflicts) != 1 {
					t.Errorf("zip %v: %s\n%s", byZip, res.Outcome, describe(res))
				}
				w.wantFile(id, "a.md", theirs)
				continue
			}
			m.want(res, assetsync.Published)
			if len(res.Conflicts) > 0 {
				t.Errorf("zip %v: %s", byZip, describe(res))
			}
			w.wantFile(id, "a.md", lines("1=ours", "9=theirs"))
			m.wantFile("a.md", lines("1=ours"))
			m.wantQuiet()
			m.write("a.md", lines("1=again"))
			m.mustPush(assetsync.Published)
			w.wantFile(id, "a.md", lines("1=again", "9=theirs"))
		}
	}
}

// TestMergeMeetsConflict lets somebody change the line that a merge is about to
// publish: theirs is live again, and ours stays a conflict.
func TestMergeMeetsConflict(t *testing.T) {
	w := newWorld(t)
	m, id := merging(w)
	m.write("a.md", lines("1=ours"))
	w.save(id, "a.md", lines("9=theirs"))
	w.beforeWrite(func() { w.save(id, "a.md", lines("1=theirs", "9=theirs")) })
	m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
	w.wantFile(id, "a.md", lines("1=theirs", "9=theirs"))
	m.want(m.pull(assetsync.PullOptions{}), assetsync.Conflict)
	m.wantFile("a.md", lines("1=ours"))
}

// TestMergeKilled lets a push that merges die at each of its calls.
func TestMergeKilled(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t)
			m, id := merging(w)
			m.write("a.md", lines("1=ours"))
			w.save(id, "a.md", lines("9=theirs"))
			died := m.pushAndDie(n, after)
			m.write("a.md", lines("1=ours", "2=later"))
			for range 3 {
				if res := m.push(assetsync.PushOptions{}); len(res.Conflicts) > 0 {
					t.Errorf("call %d: %s", n, describe(res))
				}
			}
			w.wantFile(id, "a.md", lines("1=ours", "2=later", "9=theirs"))
			m.mustPull(assetsync.CheckedOut)
			m.wantFile("a.md", lines("1=ours", "2=later", "9=theirs"))
			m.wantQuiet()
			if !died {
				break
			}
		}
	}
}

// TestMergeLostAnswer loses the answer of the write of a merge.
func TestMergeLostAnswer(t *testing.T) {
	for _, kind := range []string{"reset-before", "reset-after"} {
		w := newWorld(t)
		m, id := merging(w)
		m.write("a.md", lines("1=ours"))
		w.save(id, "a.md", lines("9=theirs"))
		w.fault("op=UpdateAssetFile,kind=" + kind)
		m.mustPush(assetsync.Published)
		w.wantFile(id, "a.md", lines("1=ours", "9=theirs"))
		m.wantQuiet()
		m.mustPull(assetsync.CheckedOut)
		m.wantFile("a.md", lines("1=ours", "9=theirs"))
		m.wantQuiet()
	}
}

// TestMergeRewritten lets two machines die before the proof of zips that met, on a
// service that rewrites what it is sent: what they put back is known in the
// service's form, and is not put back for ever.
func TestMergeRewritten(t *testing.T) {
	w := newWorld(t, "rewrite=frontmatter")
	one, id := merging(w)
	two := w.machine(nil)
	two.target.AssetID = id
	two.mustPull(assetsync.CheckedOut)
	two.write("SKILL.md", skillMain+"two\n") // without what the service has added
	for _, p := range []string{"c.md", "d.md", "e.md", "f.md"} {
		one.write(p, "one")
	}
	one.dieAfterWrite(1, func() { two.dieAfterWrite(1, func() {}) })
	one.push(assetsync.PushOptions{})
	two.push(assetsync.PushOptions{})
	one.mustPull(assetsync.CheckedOut)
	two.mustPull(assetsync.CheckedOut)
	if !strings.Contains(w.live(id, 0)["SKILL.md"], "two\n") {
		t.Errorf("SKILL.md lost a line:\n%s", w.live(id, 0)["SKILL.md"])
	}
	one.wantQuiet()
	two.wantQuiet()
}

// TestMergeOverOwnVersion publishes an edit on which somebody else goes on before it
// is proved, and edits the same line again: what is merged over is our version, though
// the newest one that was read is theirs.
func TestMergeOverOwnVersion(t *testing.T) {
	w := newWorld(t)
	m, id := merging(w)
	m.write("a.md", lines("1=uno"))
	w.afterWrite(1, func() { w.save(id, "a.md", lines("1=uno", "9=theirs")) })
	m.push(assetsync.PushOptions{})
	m.write("a.md", lines("1=uno again"))
	m.mustPush(assetsync.Published)
	w.wantFile(id, "a.md", lines("1=uno again", "9=theirs"))
}

// TestMergeOfTwoMachines lets two machines edit different lines of one file in
// turn, without a pull in between.
func TestMergeOfTwoMachines(t *testing.T) {
	w := newWorld(t)
	one, id := merging(w)
	two := w.machine(nil)
	two.target.AssetID = id
	two.mustPull(assetsync.CheckedOut)
	one.write("a.md", lines("1=uno"))
	one.mustPush(assetsync.Published)
	two.write("a.md", lines("9=two"))
	two.mustPush(assetsync.Published)
	one.write("a.md", lines("1=uno", "3=one"))
	one.mustPush(assetsync.Published)
	want := lines("1=uno", "3=one", "9=two")
	w.wantFile(id, "a.md", want)
	one.mustPull(assetsync.CheckedOut)
	two.mustPull(assetsync.CheckedOut)
	if !maps.Equal(one.files(), two.files()) || one.files()["a.md"] != want {
		t.Errorf("the machines hold\n%q\n%q", one.files(), two.files())
	}
	one.wantQuiet()
	two.wantQuiet()
}

// TestMergeText merges a file that has other line ends on the remote.
func TestMergeText(t *testing.T) {
	w := newWorld(t)
	m, id := merging(w)
	m.target.Text = manifest.TextLF
	m.write("a.md", strings.ReplaceAll(lines("1=ours"), "\n", "\r\n"))
	w.save(id, "a.md", strings.ReplaceAll(lines("9=theirs"), "\n", "\r\n"))
	m.mustPush(assetsync.Published)
	w.wantFile(id, "a.md", lines("1=ours", "9=theirs"))
	m.wantQuiet()
	m.mustPull(assetsync.CheckedOut)
	if got := strings.ReplaceAll(m.files()["a.md"], "\r\n", "\n"); got != lines("1=ours", "9=theirs") {
		t.Errorf("a.md here is %q", got)
	}
	m.wantQuiet()
}

// TestMergePreferred overrules a merge that would be possible.
func TestMergePreferred(t *testing.T) {
	w := newWorld(t)
	m, id := merging(w)
	m.write("a.md", lines("1=ours"))
	w.save(id, "a.md", lines("9=theirs"))
	res := m.push(assetsync.PushOptions{Prefer: diff.Local})
	w.wantFile(id, "a.md", lines("1=ours"))
	if !strings.Contains(describe(res), "version 2") {
		t.Errorf("what is overwritten is not named:\n%s", describe(res))
	}
}

// TestMergeOfOlderVersion asks for an older version where the file was edited
// here: it is not mixed with the edit.
func TestMergeOfOlderVersion(t *testing.T) {
	w := newWorld(t)
	m, _ := merging(w)
	m.write("a.md", lines("9=second"))
	m.mustPush(assetsync.Published)
	m.write("a.md", lines("1=edited", "9=second"))
	res := m.pull(assetsync.PullOptions{Version: 1})
	m.want(res, assetsync.Conflict)
	m.wantFile("a.md", lines("1=edited", "9=second"))
}
