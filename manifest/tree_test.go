package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904" // git's, known to every git

func TestIDsAreGits(t *testing.T) {
	repo := t.TempDir()
	git(t, repo, "", "init", "-q")
	for _, content := range []string{"", "hello\n", strings.Repeat("\x00\xff", 70_000)} {
		want := strings.TrimSpace(git(t, repo, content, "hash-object", "-w", "--stdin"))
		if got := BlobID([]byte(content)).String(); got != want {
			t.Errorf("BlobID of %d bytes = %s, want %s", len(content), got, want)
		}
	}
	tests := map[string]map[Path]string{
		"nothing":              {},
		"one file":             {"SKILL.md": "s"},
		"around the slash":     {"a-b": "1", "a/b": "2", "a0": "3", "a.b": "4", "a/b-c": "5", "ab/c": "6"},
		"directory as if file": {"a/x": "1", "a-x": "2", "a.md": "3", "a/x.md": "4", "b": "5"},
		"deep":                 {"a/b/c/d/e": "1", "a/b/c/d-e/f": "2", "a/b-c/d": "3", "a/b/c.d": "4"},
		"same content":         {"a": "x", "b": "x", "c/d": "x"},
		"not ASCII":            {"\u00fc": "1", "u\u0308": "2", "z/\u00e9": "3", "\U0001f600": "4"},
		"spaces and quotes":    {"a b": "1", `"a"`: "2", " a": "3", "a /b": "4"},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) { checkAgainstGit(t, repo, newBundle(t, files)) })
	}
}

// checkAgainstGit makes git write the tree of b and compares the id and the
// listing.
func checkAgainstGit(t *testing.T, repo string, b Bundle) {
	t.Helper()
	var index strings.Builder
	for e := range b.Tree().All() {
		data, _ := b.Content(e.Path)
		git(t, repo, string(data), "hash-object", "-w", "--stdin")
		fmt.Fprintf(&index, "100644 %s 0\t%s\x00", e.ID, e.Path)
	}
	git(t, repo, "", "read-tree", "--empty")
	git(t, repo, index.String(), "update-index", "-z", "--index-info")
	want := strings.TrimSpace(git(t, repo, "", "write-tree"))
	if got := b.Tree().ID().String(); got != want {
		t.Errorf("tree id %s, want %s", got, want)
	}
	text, err := b.Tree().MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listing(git(t, repo, "", "ls-tree", "-r", "-z", "--long", "--full-tree", want)), string(text)); diff != "" {
		t.Errorf("text form (-git +ours):\n%s", diff)
	}
}

// listing drops the padding from "git ls-tree -z --long". What git sorts by
// tree is in path order already: a directory's files sort as "dir/…".
func listing(out string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		if fields, path, ok := strings.Cut(line, "\t"); ok {
			b.WriteString(strings.Join(strings.Fields(fields), " ") + "\t" + path + "\n")
		}
	}
	return b.String()
}

func TestRandomTreesAreGits(t *testing.T) {
	repo := t.TempDir()
	git(t, repo, "", "init", "-q")
	for seed := range 10 {
		checkAgainstGit(t, repo, bundleGen().Example(seed))
	}
}

func TestZeroTree(t *testing.T) {
	var zero Tree
	if got := zero.ID().String(); got != emptyTree {
		t.Errorf("id of the zero tree = %s, want %s", got, emptyTree)
	}
	if _, ok := zero.Lookup("a"); ok || zero.Len() != 0 || zero.Size() != 0 || zero.Get("a") != nil {
		t.Error("the zero tree is not empty")
	}
}

func TestNewTreeErrors(t *testing.T) {
	for _, tt := range []struct {
		paths []Path
		want  string
	}{
		{[]Path{"a", "b", "a"}, `path "a" occurs twice`},
		{[]Path{"a/b/c", "a-x", "a/b"}, `path "a/b" is both a file and a directory`},
		{[]Path{"ok", "../a"}, `path "../a" has an empty, "." or ".." segment`},
	} {
		var entries []Entry
		for _, p := range tt.paths {
			entries = append(entries, Entry{Path: p})
		}
		if _, err := NewTree(entries...); err == nil || err.Error() != tt.want {
			t.Errorf("NewTree(%q) = %v, want %s", tt.paths, err, tt.want)
		}
	}
}

func TestTreeAccess(t *testing.T) {
	b := newBundle(t, map[Path]string{"b": "22", "a/c": "1", "a-c": "333"})
	tree := b.Tree()
	var paths []Path
	for e := range tree.All() {
		paths = append(paths, e.Path)
		if got, ok := tree.Lookup(e.Path); !ok || got != e || *tree.Get(e.Path) != e {
			t.Errorf("Lookup(%q) = %v, %v, want %v", e.Path, got, ok, e)
		}
	}
	if diff := cmp.Diff([]Path{"a-c", "a/c", "b"}, paths); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if tree.Len() != 3 || tree.Size() != 6 {
		t.Errorf("Len, Size = %d, %d, want 3, 6", tree.Len(), tree.Size())
	}
	if _, ok := tree.Lookup("a"); ok {
		t.Error("Lookup finds a directory")
	}
	less := tree.Filter(func(e Entry) bool { return e.Path != "b" })
	if less.Len() != 2 || tree.Len() != 3 || less.Equal(tree) || !tree.Equal(b.Tree()) {
		t.Errorf("Filter gave %d of %d entries", less.Len(), tree.Len())
	}
}

func TestInOrder(t *testing.T) {
	entry := func(p string) Entry { return Entry{Path: Path(p), Size: int64(len(p))} }
	tree, err := NewTree(entry("a"), entry("b/c"), entry("b/d"), entry("e"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		paths, want []string
	}{
		{"all", []string{"a", "b/c", "b/d", "e"}, []string{"a", "b/c", "b/d", "e"}},
		{"some", []string{"b/c", "e"}, []string{"b/c", "e"}},
		{"others between", []string{"", "a", "aa", "b/d", "b/dd", "f"}, []string{"a", "b/d"}},
		{"one twice", []string{"a", "a", "b/c"}, []string{"a", "b/c"}},
		{"after all", []string{"z", "zz"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			find := tree.InOrder()
			var got []string
			for _, p := range tt.paths {
				if e := find([]byte(p)); e != nil {
					if string(e.Path) != p || *e != entry(p) {
						t.Errorf("%s is found as %v", p, e)
					}
					got = append(got, string(e.Path))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTreeTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := bundleGen().Draw(t, "bundle").Tree()
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got Tree
		if err := got.UnmarshalText(text); err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) || got.Size() != want.Size() {
			t.Fatalf("read back %v, want %v", got, want)
		}
	})
}

func TestTreeTextRefusals(t *testing.T) {
	const id = "ce013625030ba8dba906f756967f9e9ca394464a"
	line := func(path string) string { return "100644 blob " + id + " 6\t" + path + "\n" }
	for _, tt := range []struct{ name, text, want string }{
		{"no line end", strings.TrimSpace(line("a")), "tree text line 1: not ended"},
		{"empty line", line("a") + "\n", `tree text line 2: "" is not "100644 blob ID SIZE\tPATH"`},
		{"order", line("b") + line("a"), `tree text line 2: path "a" is not after "b"`},
		{"twice", line("a") + line("a"), `tree text line 2: path "a" is not after "a"`},
		{"file and directory", line("a") + line("a/b"), `tree text: path "a" is both a file and a directory`},
		{"executable", "100755" + line("a")[6:], `tree text line 1: "100755 blob ` + id + ` 6\ta" is not "100644 blob ID SIZE\tPATH"`},
		{"padded size", strings.Replace(line("a"), " 6", "      6", 1), `tree text line 1: size "     6" is not a canonical number`},
		{"negative size", strings.Replace(line("a"), " 6", " -6", 1), `tree text line 1: size "-6" is not a canonical number`},
		{"size with a plus", strings.Replace(line("a"), " 6", " +6", 1), `tree text line 1: size "+6" is not a canonical number`},
		{"size out of range", strings.Replace(line("a"), " 6", " 9223372036854775808", 1), `tree text line 1: size "9223372036854775808" is not a canonical number`},
		{"upper case id", strings.Replace(line("a"), "ce01", "CE01", 1), `tree text line 1: object id "CE` + id[2:] + `" is not in lower case`},
		{"short id", strings.Replace(line("a"), "ce01", "", 1), `tree text line 1: object id "` + id[4:] + `": want 40 hexadecimal digits`},
		{"path", line("../a"), `tree text line 1: path "../a" has an empty, "." or ".." segment`},
		{"quoted as git does", line(`"\303\274"`), `tree text line 1: path "\"\\303\\274\"" contains a backslash`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := newBundle(t, map[Path]string{"kept": ""}).Tree()
			err := got.UnmarshalText([]byte(tt.text))
			if err == nil || err.Error() != tt.want {
				t.Errorf("UnmarshalText: %v\nwant: %s", err, tt.want)
			}
			if _, kept := got.Lookup("kept"); !kept {
				t.Error("a refused text changed the tree")
			}
		})
	}
}

func TestParseID(t *testing.T) {
	id, err := ParseID(strings.ToUpper(emptyTree))
	if err != nil || id.String() != emptyTree || id.Short() != "4b825dc" || id.IsZero() || !(ID{}).IsZero() {
		t.Errorf("ParseID = %v, %v", id, err)
	}
	for _, s := range []string{"", "4b825dc", emptyTree + "0", strings.Repeat("g", 40)} {
		var got ID
		if err := got.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("UnmarshalText(%q) succeeds", s)
		}
	}
}

func TestObjectHashReset(t *testing.T) {
	h := NewObjectHash("tree", 0)
	h.Write([]byte("of something else"))
	h.Reset("blob", 6)
	h.Write([]byte("hel"))
	h.Write([]byte("lo\n"))
	if got, want := h.ID(), BlobID([]byte("hello\n")); got != want {
		t.Errorf("id after Reset = %s, want %s", got, want)
	}
}

func TestParsePath(t *testing.T) {
	for _, s := range []string{"a", "a/b", "a b/ c", "..a", "a..", ".hidden/...", "\u00fc/\U0001f600", "a:b", "~", strings.Repeat("a/", 999) + "a"} {
		if p, err := ParsePath(s); err != nil || string(p) != s {
			t.Errorf("ParsePath(%q) = %q, %v", s, p, err)
		}
	}
	for s, reason := range map[string]string{
		"": "is empty", ".": "is empty", "/": "is absolute", "/a": "is absolute", "a\\b": "contains a backslash",
		"a//b": `has an empty, "." or ".." segment`, "a/": `has an empty, "." or ".." segment`,
		"./a": `has an empty, "." or ".." segment`, "a/./b": `has an empty, "." or ".." segment`,
		"..": `has an empty, "." or ".." segment`, "a/../b": `has an empty, "." or ".." segment`,
		"a\nb": "contains a control character", "a\x7f": "contains a control character", "\x00": "contains a control character",
		"a\xff": "is not valid UTF-8", "\xed\xa0\x80": "is not valid UTF-8",
	} {
		if _, err := ParsePath(s); err == nil || err.Error() != fmt.Sprintf("path %q %s", s, reason) {
			t.Errorf("ParsePath(%q) = %v, want %s", s, err, reason)
		}
	}
}

func TestPathUnderAndDirs(t *testing.T) {
	for _, tt := range []struct {
		p, dir Path
		want   bool
	}{{"a", "a", true}, {"a/b", "a", true}, {"ab", "a", false}, {"a", "a/b", false}, {"a/b/c", "a/b", true}} {
		if got := tt.p.Under(tt.dir); got != tt.want {
			t.Errorf("%q.Under(%q) = %v, want %v", tt.p, tt.dir, got, tt.want)
		}
	}
	var dirs []Path
	for dir := range Path("a/b/c").Dirs {
		dirs = append(dirs, dir)
	}
	if diff := cmp.Diff([]Path{"a", "a/b"}, dirs); diff != "" {
		t.Errorf("Dirs (-want +got):\n%s", diff)
	}
	for range Path("a/b/c").Dirs {
		break // must not go on
	}
}

func TestUnknownSet(t *testing.T) {
	set := UnknownSet{{Path: "f"}, {Path: "d", Below: true}}
	for p, want := range map[Path]bool{"f": true, "f/x": false, "d": true, "d/x/y": true, "dx": false, "g": false} {
		if got := set.Has(p); got != want {
			t.Errorf("Has(%q) = %v, want %v", p, got, want)
		}
	}
	if all := (UnknownSet{{Below: true}}); !all.Has("anything/at/all") || UnknownSet(nil).Has("a") {
		t.Error("everything is not unknown, or nothing is")
	}
}

func TestBundle(t *testing.T) {
	b := newBundle(t, map[Path]string{"a": "1", "b/c": "2"})
	if data, ok := b.Content("b/c"); !ok || string(data) != "2" {
		t.Errorf("Content = %q, %v", data, ok)
	}
	if data, ok := b.Blob(BlobID([]byte("1"))); !ok || string(data) != "1" {
		t.Errorf("Blob = %q, %v", data, ok)
	}
	if _, ok := b.Content("b"); ok {
		t.Error("Content finds a directory")
	}
	changed, err := b.With(map[Path][]byte{"a": []byte("new"), "d": nil}, "a", "b/c", "none")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[Path][]byte{"a": []byte("new"), "d": nil}, changed.Files()); diff != "" {
		t.Errorf("With (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[Path][]byte{"a": []byte("1"), "b/c": []byte("2")}, b.Files()); diff != "" {
		t.Errorf("With changed the bundle it was called on (-want +got):\n%s", diff)
	}
	if _, err := b.With(map[Path][]byte{"a/x": nil}); err == nil || err.Error() != `change bundle: path "a" is both a file and a directory` {
		t.Errorf("With a file below a file: %v", err)
	}
	if _, err := (Bundle{}).With(nil); err != nil {
		t.Errorf("With on the zero bundle: %v", err)
	}
	broken := Bundle{tree: b.tree}
	if err := WriteZip(new(bytes.Buffer), broken); err == nil {
		t.Error("WriteZip writes a tree without its content")
	}
	if err := WriteZip(failWriter{}, b); !errors.Is(err, errFull) {
		t.Errorf("WriteZip to a full disk: %v", err)
	}
}

var errFull = errors.New("full")

type failWriter struct{}

func (failWriter) Write([]byte) (int, error) { return 0, errFull }
