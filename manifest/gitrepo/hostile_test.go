package gitrepo

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

const someID = "1234567890123456789012345678901234567890"

func TestHostileGitFile(t *testing.T) {
	real := newRepo(t)
	real.commit("x", "")
	for name, content := range map[string]string{
		"empty":               "",
		"no path":             "gitdir: \n",
		"rubbish":             "\x00\xff\xfe",
		"another word":        "path: " + real.dir,
		"itself":              "gitdir: .git\n",
		"its directory":       "gitdir: .\n",
		"a file .git":         "gitdir: ../next/.git\n",
		"nothing there":       "gitdir: /none/there\n",
		"two lines":           "gitdir: " + real.dir + "/.git\nx\n",
		"a NUL":               "gitdir: " + real.dir + "/.git\x00x\n",
		"huge":                "gitdir: " + strings.Repeat("/.", maxPointer) + real.dir + "/.git",
		"not one of git's":    "gitdir: /etc\n",
		"the worktree, not .": "gitdir: " + real.dir + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := repo{t: t, dir: t.TempDir()}
			r.write("top/.git", content)
			r.write("next/.git", "gitdir: ../top/.git")
			if w, err := FindWorktree(filepath.Join(r.dir, "top", "a")); err == nil {
				t.Errorf("found %+v", w)
			}
		})
	}
	if runtime.GOOS == "windows" {
		return
	}
	dir := t.TempDir()
	if err := os.Symlink(".git", filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
	if w, err := FindWorktree(dir); err == nil {
		t.Errorf("a link to itself: found %+v", w)
	}
}

func TestHostileCommonDir(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "itself not one": "..\n", "nowhere": "/none\n", "a NUL": "\x00", "huge": strings.Repeat("../", maxPointer)} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.write(".git/commondir", content)
			// A broken .git is none, or an error: never a worktree.
			if w, _ := FindWorktree(r.dir); w != nil {
				t.Errorf("found %+v", w)
			}
		})
	}
}

// Whatever stands in HEAD or a ref: an error, and nothing outside is read.
func TestHostileRefs(t *testing.T) {
	long := strings.Repeat("x", maxPointer+1)
	for name, files := range map[string]map[string]string{
		"empty HEAD":            {"HEAD": ""},
		"rubbish":               {"HEAD": "\x00\x01\x02"},
		"half an id":            {"HEAD": someID[:20] + "\n"},
		"an id and more":        {"HEAD": someID + "0\n"},
		"a NUL after":           {"HEAD": someID + "\n\x00"},
		"upper case":            {"HEAD": strings.Repeat("AB", 20)},
		"huge":                  {"HEAD": "ref: refs/heads/" + long},
		"out of refs":           {"HEAD": "ref: refs/../../outside"},
		"absolute":              {"HEAD": "ref: /etc/hostname"},
		"a file beside":         {"HEAD": "ref: config"},
		"backslashes":           {"HEAD": `ref: refs\heads\..\..\outside`},
		"itself":                {"HEAD": "ref: HEAD"},
		"a circle":              {"HEAD": "ref: refs/heads/a", "refs/heads/a": "ref: refs/heads/b", "refs/heads/b": "ref: refs/heads/a"},
		"six in a row":          {"HEAD": "ref: refs/1", "refs/1": "ref: refs/2", "refs/2": "ref: refs/3", "refs/3": "ref: refs/4", "refs/4": "ref: refs/5", "refs/5": "ref: refs/6"},
		"a lock":                {"HEAD": "ref: refs/heads/main.lock"},
		"an empty branch":       {"refs/heads/main": ""},
		"rubbish in a branch":   {"refs/heads/main": "\xff\n"},
		"huge branch":           {"refs/heads/main": someID + strings.Repeat(" ", maxPointer)},
		"rubbish packed":        {"packed-refs": "\x00\xff"},
		"packed without a name": {"packed-refs": someID + "\n"},
		"packed, half an id":    {"packed-refs": "1234 refs/heads/main\n"},
		"packed, endless line":  {"packed-refs": "# " + strings.Repeat(long, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.write("outside", someID)
			for file, content := range files {
				r.write(".git/"+file, content)
			}
			if s, err := find(t, r.dir).State(); err == nil {
				t.Errorf("state %+v", s)
			}
		})
	}
}

func TestHostileFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte(someID), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(git string) error{
		"HEAD is a directory": func(git string) error { return os.Mkdir(filepath.Join(git, "HEAD"), 0o755) },
		"HEAD is gone":        func(string) error { return nil },
		"HEAD leads out":      func(git string) error { return os.Symlink(outside, filepath.Join(git, "HEAD")) },
		"HEAD is a device":    func(git string) error { return os.Symlink("/dev/zero", filepath.Join(git, "HEAD")) },
		"a branch leads out": func(git string) error {
			return errors.Join(os.WriteFile(filepath.Join(git, "HEAD"), []byte("ref: refs/heads/out"), 0o644), os.Symlink(outside, filepath.Join(git, "refs", "heads", "out")))
		},
		"packed-refs is a directory": func(git string) error {
			return errors.Join(os.WriteFile(filepath.Join(git, "HEAD"), []byte("ref: refs/heads/x"), 0o644), os.Mkdir(filepath.Join(git, "packed-refs"), 0o755))
		},
		"packed-refs is huge": func(git string) error {
			return errors.Join(os.WriteFile(filepath.Join(git, "HEAD"), []byte("ref: refs/heads/x"), 0o644), sparse(filepath.Join(git, "packed-refs"), maxPackedRefs+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			w := find(t, r.dir)
			git := filepath.Join(r.dir, ".git")
			if err := os.Remove(filepath.Join(git, "HEAD")); err != nil {
				t.Fatal(err)
			}
			if err := change(git); err != nil {
				t.Fatal(err)
			}
			if s, err := w.State(); err == nil {
				t.Errorf("state %+v", s)
			}
		})
	}
	// As symbolic refs were made in 2005, and are still read.
	r := newRepo(t)
	w := find(t, r.dir)
	id := r.commit("x", "")
	head := filepath.Join(r.dir, ".git", "HEAD")
	if err := errors.Join(os.Remove(head), os.Symlink("refs/heads/main", head)); err != nil {
		t.Fatal(err)
	}
	if s := state(t, w); s.Branch != "main" || s.Head != id {
		t.Errorf("HEAD as a link: %+v", s)
	}
}

// sparse makes a file that takes no room.
func sparse(name string, size int64) error {
	return errors.Join(os.WriteFile(name, nil, 0o644), os.Truncate(name, size))
}

// object writes an object of any content.
func (r repo) object(kind string, content []byte) string {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "object")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		r.t.Fatal(err)
	}
	return r.git("hash-object", "-w", "--literally", "-t", kind, file)
}

// tree writes a tree of "mode name" words, all of one object.
func (r repo) tree(id string, entries ...string) string {
	raw, err := hex.DecodeString(id)
	if err != nil {
		r.t.Fatal(err)
	}
	var b bytes.Buffer
	for _, e := range entries {
		b.WriteString(e + "\x00" + string(raw))
	}
	return r.object("tree", b.Bytes())
}

func TestHostileTrees(t *testing.T) {
	r := newRepo(t)
	blob, empty := r.object("blob", []byte("x")), r.object("tree", nil)
	link := r.object("blob", []byte("a/"+strings.Repeat("../", 20)+"etc/hostname"))
	deep := empty
	for range 25 {
		deep = r.tree(deep, "40000 "+strings.Repeat("d", 200))
	}
	const damaged = "unreadable sub: "
	tests := []struct {
		name string
		tree string
		want []string // problems, by their beginning
	}{
		{"two dots", r.tree(blob, "100644 .."), []string{damaged}},
		{"one dot", r.tree(blob, "100644 ."), []string{damaged}},
		{"a slash", r.tree(blob, "100644 ../../x"), []string{damaged}},
		{"absolute", r.tree(blob, "100644 /etc/x"), []string{damaged}},
		{"twice", r.tree(blob, "100644 a", "100755 a"), []string{damaged}},
		{"file and directory", r.tree(empty, "100644 a", "40000 a"), []string{damaged}},
		{"no name", r.tree(blob, "100644 "), []string{damaged}},
		{"no mode", r.object("tree", []byte("x")), []string{damaged}},
		{"cut off", r.object("tree", []byte("100644 a\x00123")), []string{damaged}},
		{"a blob for a tree", r.tree(blob, "40000 a"), []string{"unreadable sub/a: "}},
		{"a tree for a blob", r.tree(empty, "100644 a"), []string{"unreadable sub/a: "}},
		{"a git directory", r.tree(blob, "100644 .git", "100644 .GIT", "40000 git~1"), nil},
		{"a link far up", r.tree(link, "120000 l"), []string{"link-broken sub/l: "}},
		{"a link that is a tree", r.tree(empty, "120000 l"), []string{"unreadable sub/l: "}},
		{"out of order", r.tree(blob, "100644 b", "100644 a"), nil},
		{"an odd mode", r.tree(blob, "100664 a", "100600 b"), nil},
		{"deep", deep, []string{"bad-name sub/dd"}},
		{"missing", someID, []string{damaged}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := r.tree(tt.tree, "40000 sub")
			r.git("update-ref", "HEAD", r.object("commit", []byte("tree "+root+"\nauthor a <a> 1 +0000\ncommitter c <c> 1 +0000\n\nx\n")))
			c := commitOf(t, r, ".", manifest.ScanOptions{})
			got := problems(c)
			for i, p := range got {
				if i < len(tt.want) && strings.HasPrefix(p, tt.want[i]) {
					got[i] = tt.want[i]
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}

func TestHostileCommits(t *testing.T) {
	r := newRepo(t)
	empty := r.object("tree", nil)
	for name, content := range map[string]string{
		"empty": "", "no tree": "parent " + someID + "\n", "half an id": "tree 1234\n", "rubbish": "\x00\xff",
		"a tree that is none": "tree " + someID + "\n\nx", "a bad parent": "tree " + empty + "\nparent x\ncommitter c <c> 1 +0000\n\n",
	} {
		id := r.object("commit", []byte(content))
		c, err := find(t, r.dir).Commit(t.Context(), id, r.dir, manifest.ScanOptions{})
		if err == nil && len(c.Snapshot().Problems) == 0 {
			t.Errorf("%s: %+v", name, c.Snapshot())
		}
	}
	// One that git reads, and go-git does not.
	id := r.object("commit", []byte("tree "+empty+"\nauthor\ncommitter\n"))
	if _, err := find(t, r.dir).Commit(t.Context(), id, r.dir, manifest.ScanOptions{}); err != nil {
		t.Error(err)
	}
}

// An object under the name of another is well-formed in all but its id.
func TestSwappedObjects(t *testing.T) {
	r := newRepo(t)
	r.write("a", "one")
	r.commit("b", "two")
	c := commitOf(t, r, ".", manifest.ScanOptions{})
	file := func(content string) string {
		id := manifest.BlobID([]byte(content)).String()
		return filepath.Join(r.dir, ".git", "objects", id[:2], id[2:])
	}
	data, err := os.ReadFile(file("one"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(file("two")), os.WriteFile(file("two"), data, 0o444)); err != nil {
		t.Fatal(err)
	}
	w := find(t, r.dir)
	if data, err := (&Commit{worktree: w}).Read(*c.Snapshot().Tree.Get("b")); err == nil {
		t.Errorf("read %q", data)
	}
}

// TestDamagedObjects changes bytes of loose objects, packs and indexes. What
// is read must be true to its id; all else is an error or a problem.
func TestDamagedObjects(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	r := newRepo(t)
	text := strings.Repeat("some text that packs well\n", 2000)
	for i := range 8 {
		r.commit(fmt.Sprintf("d%d/f", i%3), text+strings.Repeat("x", i))
	}
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("repack", "-q", "-a", "-d", "-f")
		}
		var objects []string
		if err := filepath.WalkDir(filepath.Join(r.dir, ".git", "objects"), func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				objects = append(objects, name)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for range 150 {
			damage(t, rnd, objects[rnd.IntN(len(objects))], func() {
				c, err := find(t, r.dir).Commit(t.Context(), "HEAD", r.dir, manifest.ScanOptions{})
				if err != nil {
					return
				}
				for e := range c.Snapshot().Tree.All() {
					data, err := c.Read(e)
					if sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(data), data)); err == nil && sum != [20]byte(e.ID) {
						t.Errorf("%s: content that its id does not name", e.Path)
					}
				}
				first, err := find(t, r.dir).OnBranch(t.Context(), State{Head: someID}, "main")
				if first && err == nil {
					t.Error("a commit that is not there is on main")
				}
			})
		}
	}
}

// damage changes some bytes of a file, or cuts it, while f runs.
func damage(t *testing.T, rnd *rand.Rand, name string, f func()) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(data)
	for range 1 + rnd.IntN(4) {
		bad[rnd.IntN(len(bad))] = byte(rnd.Uint32())
	}
	if rnd.IntN(5) == 0 {
		bad = bad[:rnd.IntN(len(bad))]
	}
	write := func(content []byte) {
		// git makes objects read-only; one that is replaced is not written to.
		if err := errors.Join(os.Remove(name), os.WriteFile(name, content, 0o444)); err != nil {
			t.Fatal(err)
		}
	}
	write(bad)
	defer write(data)
	f()
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"ref: refs/heads/main\n", someID + "\n", "ref:\trefs/heads/a/b", "ref: refs/../x", "ref: HEAD", someID + "\t\tbranch 'x'", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseRef(data)
		if err != nil {
			return
		}
		if (v.id == "") == (v.symbolic == "") {
			t.Fatalf("%+v is not one of both", v)
		}
		if v.id != "" && !isHexID(v.id) {
			t.Fatalf("id %q", v.id)
		}
		if v.symbolic != "" {
			checkInside(t, v.symbolic)
		}
	})
}

// checkInside holds the name of a ref against what would leave the
// repository, in words of its own.
func checkInside(t *testing.T, name string) {
	t.Helper()
	for segment := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if strings.Trim(segment, ".") == "" {
			t.Fatalf("%q leads out", name)
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\x00\n:") {
		t.Fatalf("%q leads out", name)
	}
}

func FuzzReadPacked(f *testing.F) {
	f.Add([]byte("# pack-refs with: peeled fully-peeled sorted \n" + someID + " refs/heads/main\n" + someID + " refs/tags/v1\n^" + someID + "\n"))
	f.Add([]byte(someID + " refs/heads/main\r\n"))
	f.Add([]byte("\n\n# \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = readPacked(bytes.NewReader(data), func(name, id string) {
			if !isHexID(id) || strings.ContainsAny(name, "\n") {
				t.Fatalf("%q is %q", name, id)
			}
		})
	})
}

func FuzzParseGitFile(f *testing.F) {
	for _, s := range []string{"gitdir: ../.git/modules/x\n", "gitdir: /a b/.git\r\n", "gitdir:x", "gitdir: \n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if target, err := parseGitFile(data); err == nil && (target == "" || strings.ContainsAny(target, "\x00\n")) {
			t.Fatalf("path %q", target)
		}
	})
}

func FuzzParseObjects(f *testing.F) {
	f.Add([]byte("tree " + someID + "\nparent " + someID + "\ncommitter c <c> 1 +0000\n\nx"))
	f.Add([]byte("object " + someID + "\ntype commit\n"))
	f.Add([]byte("100644 a\x0012345678901234567890"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = parseCommit(data)
		_, _ = parseTag(data)
		_ = parseAlternates(data)
		dir, err := parseTree(data)
		if err != nil {
			return
		}
		for _, e := range dir.entries {
			if e.name == "" || e.name == "." || e.name == ".." || strings.Contains(e.name, "/") {
				t.Fatalf("the name %q", e.name)
			}
		}
	})
}
