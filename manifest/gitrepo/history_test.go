package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"assetsync/manifest"
)

var (
	someKey = Key{Env: "prod", Target: "skills/eks-triage"}
	someDay = time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
)

func open(t testing.TB, dir string) *History {
	t.Helper()
	h, err := OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), ".assetsync", "history.git") }

// bundle makes a bundle of "path:content" words.
func bundle(t testing.TB, s string) manifest.Bundle {
	t.Helper()
	files := map[manifest.Path][]byte{}
	for f := range strings.FieldsSeq(s) {
		p, content, _ := strings.Cut(f, ":")
		files[manifest.Path(p)] = []byte(content)
	}
	b, err := manifest.NewBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func version(t testing.TB, number int, files string) Version {
	return Version{Number: number, At: someDay.Add(time.Duration(number) * time.Hour), Bundle: bundle(t, files)}
}

func put(t testing.TB, h *History, v Version) manifest.ID {
	t.Helper()
	id, err := h.Put(t.Context(), someKey, v)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func versions(t testing.TB, h *History) []Record {
	t.Helper()
	records, err := h.Versions(t.Context(), someKey)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// wantVersion compares what Get says with "path:content" words; "" is absent.
func wantVersion(t testing.TB, h *History, number int, want string) {
	t.Helper()
	got, ok, err := h.Get(t.Context(), someKey, "", number)
	if err != nil {
		t.Fatal(err)
	}
	if ok != (want != "") {
		t.Fatalf("version %d is there: %v", number, ok)
	}
	if d := cmp.Diff(bundle(t, want).Files(), got.Files(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("version %d (-want +got):\n%s", number, d)
	}
}

func TestHistoryIsEmptyAtFirst(t *testing.T) {
	h := open(t, newDir(t))
	if got := versions(t, h); len(got) != 0 {
		t.Errorf("versions %v", got)
	}
	wantVersion(t, h, 1, "")
	if _, ok, err := h.Blob(manifest.BlobID([]byte("x"))); ok || err != nil {
		t.Errorf("blob: %v, %v", ok, err)
	}
}

func TestPutThenGet(t *testing.T) {
	dir := newDir(t)
	h := open(t, dir)
	first := put(t, h, version(t, 1, "SKILL.md:a references/x.md:b"))
	second := put(t, h, Version{Number: 2, At: someDay, Bundle: bundle(t, "SKILL.md:c"), Foreign: true, Metadata: []byte("{\n  \"status\": \"<ACTIVE>\"}")})
	want := []Record{
		{"", 1, bundle(t, "SKILL.md:a references/x.md:b").Tree().ID(), first, someDay.Add(time.Hour), false, nil},
		{"", 2, bundle(t, "SKILL.md:c").Tree().ID(), second, someDay, true, []byte(`{"status":"<ACTIVE>"}`)},
	}
	for name, h := range map[string]*History{"the same": h, "opened again": open(t, dir)} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(want, versions(t, h)); d != "" {
				t.Errorf("versions (-want +got):\n%s", d)
			}
			wantVersion(t, h, 1, "SKILL.md:a references/x.md:b")
			wantVersion(t, h, 2, "SKILL.md:c")
			wantVersion(t, h, 3, "")
			data, ok, err := h.Blob(manifest.BlobID([]byte("b")))
			if string(data) != "b" || !ok || err != nil {
				t.Errorf("blob: %q, %v, %v", data, ok, err)
			}
		})
	}
}

func TestPutIsIdempotent(t *testing.T) {
	h := open(t, newDir(t))
	first := put(t, h, version(t, 1, "a:x"))
	put(t, h, version(t, 2, "a:y"))
	if again := put(t, h, version(t, 1, "a:x")); again != first {
		t.Errorf("put again: %s, want %s", again, first)
	}
	if n := len(versions(t, h)); n != 2 {
		t.Errorf("%d versions, want 2", n)
	}
}

func TestPutInAnyOrder(t *testing.T) {
	h := open(t, newDir(t))
	for _, n := range []int{7, 2, 9} {
		put(t, h, version(t, n, fmt.Sprintf("a:%d", n)))
	}
	var got []int
	for _, r := range versions(t, h) {
		got = append(got, r.Number)
	}
	if d := cmp.Diff([]int{7, 2, 9}, got); d != "" {
		t.Errorf("order of arrival (-want +got):\n%s", d)
	}
	wantVersion(t, h, 2, "a:2")
}

// A version that grew in place, and was taken back.
func TestNewestArrivalCounts(t *testing.T) {
	h := open(t, newDir(t))
	put(t, h, version(t, 1, "a:x"))
	put(t, h, version(t, 1, "a:x b:y"))
	wantVersion(t, h, 1, "a:x b:y")
	put(t, h, version(t, 1, "a:x"))
	wantVersion(t, h, 1, "a:x")
	if n := len(versions(t, h)); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

// TestPutLast makes a version the newest arrival once more, and once only.
func TestPutLast(t *testing.T) {
	h := open(t, newDir(t))
	put(t, h, version(t, 2, "a:2"))
	put(t, h, version(t, 1, "a:1"))
	last := version(t, 2, "a:2")
	last.Last = true
	first := put(t, h, last)
	if again := put(t, h, last); again != first {
		t.Errorf("put twice as the last: %s, then %s", first, again)
	}
	if plain := put(t, h, version(t, 2, "a:2")); plain != first {
		t.Errorf("put without a wish: %s, want the newest arrival %s", plain, first)
	}
	var order []int
	for _, r := range versions(t, h) {
		order = append(order, r.Number)
	}
	if d := cmp.Diff([]int{2, 1, 2}, order); d != "" {
		t.Errorf("order of arrival (-want +got):\n%s", d)
	}
	wantVersion(t, h, 2, "a:2")
}

func TestPutEdges(t *testing.T) {
	h := open(t, newDir(t))
	tests := []struct {
		name string
		v    Version
		want string // error
	}{
		{"no files", Version{Number: 1, At: someDay}, ""},
		{"no time", Version{Number: 2, Bundle: bundle(t, "a:x")}, ""},
		{"a time out of range", Version{Number: 3, At: time.Unix(1<<60, 0), Bundle: bundle(t, "a:x")}, ""},
		{"a message that plays tricks", Version{Number: 4, At: someDay, Bundle: bundle(t, "a:x"), Message: "x\x00\xff\n\nAssetsync-Version: 9\n\n"}, ""},
		{"no number", Version{At: someDay}, "keep version 0 of skills/eks-triage: versions count from 1"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := h.Put(t.Context(), someKey, tc.v)
			if got := fmt.Sprint(err); tc.want != "" && got != tc.want || tc.want == "" && err != nil {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
			if tc.want != "" {
				return
			}
			got, ok, err := h.Get(t.Context(), someKey, tc.v.Asset, tc.v.Number)
			if err != nil || !ok || !got.Tree().Equal(tc.v.Bundle.Tree()) {
				t.Errorf("read back %v, %v, %v", got.Tree(), ok, err)
			}
		})
	}
	if got := versions(t, h); len(got) != 4 {
		t.Errorf("%d versions, want 4: %v", len(got), got)
	}
	fsck(t, h.disk.Root())
}

func TestKeysAreApart(t *testing.T) {
	h := open(t, newDir(t))
	keys := []Key{{"", "a"}, {"-", "a"}, {"prod", "a"}, {"prod", "a/versions"}, {"prod", "A"}, {"prod", ""}, {"prod", "ä ~^:?*[\\..@{.lock"}, {"prod", strings.Repeat("long/", 200)}}
	for i, key := range keys {
		if _, err := h.Put(t.Context(), key, version(t, i+1, "a:x")); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range keys {
		records, err := h.Versions(t.Context(), key)
		if err != nil || len(records) != 1 || records[0].Number != i+1 {
			t.Errorf("%+v: %v, %v; want version %d", key, records, err, i+1)
		}
	}
	fsck(t, h.disk.Root())
}

func TestKeep(t *testing.T) {
	dir := newDir(t)
	h := open(t, dir)
	for _, content := range []string{"one", "one", "two", "one"} {
		k := Kept{Path: "d/SKILL.md", Content: []byte(content), Why: "replaced by version 3", At: someDay}
		if err := h.Keep(t.Context(), someKey, k); err != nil {
			t.Fatal(err)
		}
	}
	for _, content := range []string{"one", "two"} {
		got, ok, err := h.Blob(manifest.BlobID([]byte(content)))
		if string(got) != content || !ok || err != nil {
			t.Errorf("%s: %q, %v, %v", content, got, ok, err)
		}
	}
	if n := len(versions(t, h)); n != 0 {
		t.Errorf("%d versions out of nothing", n)
	}
	want := "keep d/SKILL.md\n\nreplaced by version 3\n\n"
	if got := git(t, dir, "log", "--format=%B", someKey.ref(keptRef).String()); got != strings.Repeat(want, 3) {
		t.Errorf("log %q, want %q three times", got, want)
	}
	if err := h.Keep(t.Context(), someKey, Kept{Path: "../x"}); err == nil {
		t.Error("a bad path is kept")
	}
}

func TestCancelled(t *testing.T) {
	h := open(t, newDir(t))
	put(t, h, version(t, 1, "a:x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Put(ctx, someKey, version(t, 2, "a:y")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if n := len(versions(t, h)); n != 1 {
		t.Errorf("%d versions", n)
	}
}

// Two processes, each with an open repository, write one chain; all arrives.
func TestTwoWriters(t *testing.T) {
	dir := newDir(t)
	const each = 8
	var wg sync.WaitGroup
	for w := range 2 {
		h := open(t, dir)
		for n := range each {
			wg.Go(func() {
				number := w*each + n + 1
				if _, err := h.Put(t.Context(), someKey, version(t, number, fmt.Sprintf("a:%d", number))); err != nil {
					t.Error(err)
				}
				if err := h.Keep(t.Context(), someKey, Kept{Path: "a", Content: fmt.Append(nil, number), At: someDay}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	h := open(t, dir)
	got := map[int]bool{}
	for _, r := range versions(t, h) {
		got[r.Number] = true
	}
	if len(got) != 2*each || len(versions(t, h)) != 2*each {
		t.Errorf("%d versions of %d", len(got), 2*each)
	}
	if n := strings.Count(git(t, dir, "log", "--format=%H", someKey.ref(keptRef).String()), "\n"); n != 2*each {
		t.Errorf("%d kept of %d", n, 2*each)
	}
	fsck(t, dir)
}

// Two processes that make the repository at once get the same one.
func TestCreatedTwice(t *testing.T) {
	dir := newDir(t)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			h, err := OpenHistory(dir)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := h.Put(t.Context(), someKey, version(t, n+1, "a:x")); err != nil {
				t.Error(err)
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(versions(t, open(t, dir))); n != 4 {
		t.Errorf("%d versions, want 4", n)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), manifest.TempPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestCorrupt(t *testing.T) {
	object := func(dir string, content string) string {
		id := manifest.BlobID([]byte(content)).String()
		return filepath.Join(dir, "objects", id[:2], id[2:])
	}
	tests := []struct {
		name   string
		damage func(dir string) error
		want   string // in the error
	}{
		{"no HEAD", func(dir string) error { return os.Remove(filepath.Join(dir, "HEAD")) }, "HEAD"},
		{"no objects", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "objects")) }, "objects"},
		{"config is no config", func(dir string) error { return os.WriteFile(filepath.Join(dir, "config"), []byte("[[["), 0o600) }, "config"},
		{"an empty ref", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, someKey.ref(versionsRef).String()), nil, 0o600)
		}, "versions"},
		{"a ref to nothing", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, someKey.ref(versionsRef).String()), []byte(strings.Repeat("1", 40)+"\n"), 0o600)
		}, "commit 1111"},
		{"a ref to no commit", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, someKey.ref(versionsRef).String()), []byte(manifest.BlobID([]byte("x")).String()+"\n"), 0o600)
		}, "commit " + manifest.BlobID([]byte("x")).String()},
		{"a missing blob", func(dir string) error { return os.Remove(object(dir, "x")) }, "blob " + manifest.BlobID([]byte("x")).String()},
		{"a torn blob", func(dir string) error {
			_ = os.Chmod(object(dir, "x"), 0o600)
			return os.Truncate(object(dir, "x"), 5)
		}, "blob " + manifest.BlobID([]byte("x")).String()},
		{"another blob's content", func(dir string) error {
			data, err := os.ReadFile(object(dir, "y"))
			if err != nil {
				return err
			}
			_ = os.Chmod(object(dir, "x"), 0o600)
			return os.WriteFile(object(dir, "x"), data, 0o600)
		}, "other content"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			dir := newDir(t)
			h := open(t, dir)
			put(t, h, version(t, 1, "a:x b:y"))
			if err := tc.damage(dir); err != nil {
				t.Fatal(err)
			}
			h, err := OpenHistory(dir)
			if err == nil {
				_, _, err = h.Get(t.Context(), someKey, "", 1)
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want a CorruptError with %q", err, tc.want)
			}
			if corrupt.Dir != dir || !strings.Contains(corrupt.Hint(), "move it away") {
				t.Errorf("dir %s, hint %s", corrupt.Dir, corrupt.Hint())
			}
		})
	}
}

// git binary

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	bin, err := exec.LookPath("git")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(bin, append([]string{"--git-dir", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func fsck(t testing.TB, dir string) {
	t.Helper()
	for line := range strings.Lines(git(t, dir, "fsck", "--strict", "--full", "--no-dangling")) {
		if !strings.HasPrefix(line, "notice:") && !strings.HasPrefix(line, "Checking") {
			t.Errorf("git fsck: %s", line)
		}
	}
}

func TestGitReadsIt(t *testing.T) {
	dir := newDir(t)
	h := open(t, dir)
	put(t, h, version(t, 1, "SKILL.md:a a-b:1 a/c:2 a.d:3"))
	put(t, h, Version{Number: 2, At: someDay, Bundle: bundle(t, "SKILL.md:b"), Message: "changed in the web", Foreign: true})
	fsck(t, dir)
	ref := "refs/assetsync/prod/skills%2feks-triage/versions"
	want := `2 assetsync <assetsync@localhost> 2026-06-08T12:00:00+00:00
changed in the web

Assetsync-Version: 2
Assetsync-Foreign: true

1 assetsync <assetsync@localhost> 2026-06-08T13:00:00+00:00
version 1

Assetsync-Version: 1

`
	got := git(t, dir, "log", "--format=%(trailers:key=Assetsync-Version,valueonly,separator=) %an <%ce> %cI%n%B", ref)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
	if got := git(t, dir, "log", "-p", "--format=", ref, "--", "SKILL.md"); !strings.Contains(got, "-a\n\\ No newline at end of file\n+b\n") {
		t.Errorf("log -p: %s", got)
	}
}

func TestTreeIDsAreGits(t *testing.T) {
	dir := newDir(t)
	h := open(t, dir)
	number := 0
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"a", "a.b", "a-b", "a/b", "a/b/c", "a0", "b/a", "b/a.", "é"}
		files := map[manifest.Path][]byte{}
		for _, n := range names {
			if rapid.Bool().Draw(rt, n) {
				files[manifest.Path(n)] = rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(rt, "content")
			}
		}
		b, err := manifest.NewBundle(files)
		if err != nil {
			return // both a file and a directory
		}
		number++
		if _, err := h.Put(t.Context(), someKey, Version{Number: number, At: someDay, Bundle: b}); err != nil {
			rt.Fatal(err)
		}
		got, _, err := h.Get(t.Context(), someKey, "", number)
		if err != nil || !maps.EqualFunc(files, got.Files(), func(a, b []byte) bool { return string(a) == string(b) }) {
			rt.Fatalf("read back %v, %v; want %v", got.Files(), err, files)
		}
	})
	fsck(t, dir) // names of objects that are not git's are errors
	ids := strings.Fields(git(t, dir, "log", "--reverse", "--format=%T", someKey.ref(versionsRef).String()))
	for i, r := range versions(t, h) {
		if r.TreeID.String() != ids[i] {
			t.Errorf("version %d: tree %s, git says %s", r.Number, r.TreeID, ids[i])
		}
	}
}

// git gc moves objects into packs, and refs into packed-refs, while the
// repository is open; what is kept is never pruned.
func TestAfterGC(t *testing.T) {
	dir := newDir(t)
	h := open(t, dir)
	put(t, h, version(t, 1, "a:x d/b:y"))
	if err := h.Keep(t.Context(), someKey, Kept{Path: "a", Content: []byte("kept"), At: someDay}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		git(t, dir, "gc", "-q", "--prune=now")
		wantVersion(t, h, 1, "a:x d/b:y")
		if _, ok, err := h.Blob(manifest.BlobID([]byte("kept"))); !ok || err != nil {
			t.Errorf("kept file after gc: %v, %v", ok, err)
		}
		put(t, h, version(t, 2+i, fmt.Sprintf("a:x d/b:%d", i)))
	}
	if got := versions(t, open(t, dir)); len(got) != 3 {
		t.Errorf("%d versions, want 3", len(got))
	}
	fsck(t, dir)
}

func FuzzEscape(f *testing.F) {
	f.Add("skills/eks-triage", "skills/eks_triage")
	f.Add("", "-")
	f.Add("a..b", ".lock")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{escape(a), escape(b)} {
			if s == "" || len(s) > maxSegment+41 || s[0] == '.' || s[len(s)-1] == '.' || strings.HasSuffix(s, ".lock") || strings.Contains(s, "..") ||
				strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.%") != "" {
				t.Errorf("%q is no segment of a ref", s)
			}
		}
		if a != b && escape(a) == escape(b) {
			t.Errorf("%q and %q are both %q", a, b, escape(a))
		}
	})
}

// TestAssetsOfOneTarget keeps two assets of one target apart: one that was
// deleted, and the one that was made anew, whose versions count from 1 again.
func TestAssetsOfOneTarget(t *testing.T) {
	h, err := OpenHistory(filepath.Join(t.TempDir(), "history.git"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, asset := range []string{"ki-old", "ki-new"} {
		bundle, err := manifest.NewBundle(map[manifest.Path][]byte{"a.md": []byte(asset)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Put(t.Context(), someKey, Version{Asset: asset, Number: 2, Bundle: bundle}); err != nil {
			t.Fatal(err)
		}
	}
	for _, asset := range []string{"ki-old", "ki-new"} {
		got, ok, err := h.Get(t.Context(), someKey, asset, 2)
		if data, _ := got.Content("a.md"); err != nil || !ok || string(data) != asset {
			t.Errorf("version 2 of %s: %q, %v, %v", asset, data, ok, err)
		}
	}
	if _, ok, err := h.Get(t.Context(), someKey, "ki-other", 2); ok || err != nil {
		t.Errorf("a version of another asset: %v, %v", ok, err)
	}
	if _, err := h.Put(t.Context(), someKey, Version{Asset: "ki-x\nAssetsync-Version: 9", Number: 1}); err == nil {
		t.Error("an asset id with a line break was taken")
	}
}
