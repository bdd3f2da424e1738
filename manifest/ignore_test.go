package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIgnorePatterns holds the rules that gitignore(5) names, one file of
// patterns at the root each.
func TestIgnorePatterns(t *testing.T) {
	tests := []struct {
		name     string
		patterns string
		ignored  []Path
		kept     []Path
	}{
		{"blank lines and comments", "\n# a\n\nb\n", []Path{"b"}, []Path{"a", "# a"}},
		{"escaped hash", "\\#a\n", []Path{"#a"}, []Path{"a"}},
		{"escaped exclamation mark", "\\!a\n", []Path{"!a"}, []Path{"a"}},
		{"trailing spaces go", "a   \n", []Path{"a"}, []Path{"a   "}},
		{"escaped trailing space stays", "a\\ \n", []Path{"a "}, []Path{"a"}},
		{"escaped space before plain ones", "a\\   \n", []Path{"a "}, []Path{"a", "a   "}},
		{"leading spaces stay", "  a\n", []Path{"  a"}, []Path{"a"}},
		{"trailing tab stays", "a\t\n", nil, []Path{"a"}},
		{"negation", "*.md\n!keep.md\n", []Path{"a.md", "x/a.md"}, []Path{"keep.md", "x/keep.md"}},
		{"last match decides", "!a\na\n", []Path{"a"}, nil},
		{"no way back below an ignored directory", "x\n!x/keep.md\n", []Path{"x/keep.md", "x/y/z"}, nil},
		{"a way back below a directory whose content is ignored", "x/*\n!x/keep.md\n", []Path{"x/a", "x/y/z"}, []Path{"x/keep.md"}},
		{"all but one directory", "/*\n!/foo\n/foo/*\n!/foo/bar\n", []Path{"a", "foo/a", "b/foo/bar"}, []Path{"foo/bar", "foo/bar/b"}},
		{"no slash: any depth", "a\n", []Path{"a", "x/a", "x/y/a", "x/a/y"}, []Path{"ab", "x/ab"}},
		{"leading slash anchors", "/a\n", []Path{"a", "a/b"}, []Path{"x/a"}},
		{"middle slash anchors", "a/b\n", []Path{"a/b", "a/b/c"}, []Path{"x/a/b", "a"}},
		{"trailing slash: directories", "a/\n", []Path{"a/b", "x/a/b"}, []Path{"a", "x/a"}},
		{"trailing slash with anchor", "/a/b/\n", []Path{"a/b/c"}, []Path{"a/b", "x/a/b/c"}},
		{"star stays in its segment", "a/*/c\n", []Path{"a/b/c"}, []Path{"a/c", "a/b/b/c"}},
		{"star may be nothing", "a*b\n", []Path{"ab", "axxb"}, []Path{"ba", "abc"}},
		{"question mark is one byte", "a?\n", []Path{"ab"}, []Path{"a", "abc", "aü"}},
		{"question mark is no slash", "x/a?b\n", []Path{"x/a-b"}, []Path{"x/a/b"}},
		{"leading double star", "**/a/b\n", []Path{"a/b", "x/a/b", "x/y/a/b"}, []Path{"a/x/b"}},
		{"trailing double star", "a/**\n", []Path{"a/b", "a/b/c"}, []Path{"a", "x/a/b"}},
		{"middle double star", "a/**/b\n", []Path{"a/b", "a/x/b", "a/x/y/b"}, []Path{"ab", "x/a/b"}},
		{"double star in a name is a star", "a**b/c\n", []Path{"axxb/c", "ab/c"}, []Path{"c"}},
		{"bracket", "[a-c]x\n", []Path{"ax", "cx"}, []Path{"dx", "-x"}},
		{"bracket negated by !", "[!a-c]x\n", []Path{"dx"}, []Path{"ax"}},
		{"bracket negated by ^", "[^a-c]x\n", []Path{"dx"}, []Path{"ax"}},
		{"bracket with ] first", "[]a]x\n", []Path{"]x", "ax"}, []Path{"bx"}},
		{"bracket with - last", "[a-]x\n", []Path{"-x", "ax"}, []Path{"bx"}},
		{"bracket never takes a slash", "a[!b]c/d\n", nil, []Path{"a/c/d"}},
		{"bracket class", "[[:digit:][:upper:]]\n", []Path{"7", "A"}, []Path{"a"}},
		{"bracket with an escape", "[\\]]x\n", []Path{"]x"}, []Path{"x", "ax"}},
		{"open bracket matches nothing", "[a\n", nil, []Path{"[a", "a"}},
		{"trailing backslash matches nothing", "a\\\n", nil, []Path{"a"}},
		{"escaped star", "\\*\n", []Path{"*"}, []Path{"a"}},
		{"byte order mark", "\ufeffa\n", []Path{"a"}, nil},
		{"byte order mark before a comment", "\ufeff#a\n", nil, []Path{"#a", "a"}},
		{"CRLF", "a\r\n!b\r\n\r\nc/\r\n", []Path{"a", "c/d"}, []Path{"b"}},
		{"no line end at the end", "a\nb", []Path{"a", "b"}, nil},
		{"case matters", "Readme\n", []Path{"Readme"}, []Path{"readme"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := newIgnore(t).With(IgnoreFile{Data: []byte(tt.patterns)})
			got := map[Path]bool{}
			want := map[Path]bool{}
			for _, p := range tt.ignored {
				got[p], want[p] = rules.Ignored(p), true
			}
			for _, p := range tt.kept {
				got[p], want[p] = rules.Ignored(p), false
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Ignored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestIgnoreOrder asks one path of rules from several places.
func TestIgnoreOrder(t *testing.T) {
	git := func(dir Path, data string) IgnoreFile { return IgnoreFile{GitIgnore, dir, "", []byte(data)} }
	own := func(dir Path, data string) IgnoreFile { return IgnoreFile{AssetsyncIgnore, dir, "", []byte(data)} }
	above := func(l IgnoreLayer, up, data string) IgnoreFile { return IgnoreFile{l, "", up, []byte(data)} }
	tests := []struct {
		name   string
		target []string
		files  []IgnoreFile
		path   Path
		why    string // "": published
	}{
		{"nothing says anything", nil, nil, "SKILL.md", ""},
		{"built-in", nil, nil, "a/SKILL.md.swp", `pattern "*.swp" of the built-in list`},
		{"built-in directory", nil, nil, ".vscode/settings.json", `pattern ".vscode/" of the built-in list`},
		{"a file is no directory", nil, nil, ".vscode", ""},
		{"icon file", nil, nil, "Icon\r", `pattern "Icon[\r]" of the built-in list`},
		{"emacs", nil, nil, "#a.md#", `pattern "\\#*#" of the built-in list`},
		{"target opens a built-in", []string{"!.vscode/"}, nil, ".vscode/settings.json", ""},
		{"gitignore opens a built-in", nil, []IgnoreFile{git("", "!*.swp")}, "a.swp", ""},
		{"gitignore", nil, []IgnoreFile{git("", "x\n*.log")}, "a.log", `pattern "*.log" of .gitignore:2`},
		{"inner gitignore over outer", nil, []IgnoreFile{git("a", "!*.log"), git("", "*.log")}, "a/b.log", ""},
		{"inner gitignore has its place", nil, []IgnoreFile{git("a", "/b.log")}, "a/b.log", `pattern "/b.log" of a/.gitignore:1`},
		{"inner gitignore elsewhere", nil, []IgnoreFile{git("a", "*.log")}, "ab/b.log", ""},
		{"own file over gitignore", nil, []IgnoreFile{git("a", "*.log"), own("", "!*.log")}, "a/b.log", ""},
		{"target over own file", []string{"*.log"}, []IgnoreFile{own("", "!*.log")}, "b.log", `pattern "*.log" of the target's ignore list`},
		{"target cannot open below an ignored directory", []string{"!a/b.log"}, []IgnoreFile{git("", "a/")}, "a/b.log", `pattern "a/" of .gitignore:1`},
		{"enclosing, anchored", nil, []IgnoreFile{above(GitIgnore, "skills/eks", "/skills/eks/drafts/")}, "drafts/a.md", `pattern "/skills/eks/drafts/" of ../../.gitignore:1`},
		{"enclosing, anchored elsewhere", nil, []IgnoreFile{above(GitIgnore, "skills/eks", "/drafts/")}, "drafts/a.md", ""},
		{"enclosing, anywhere", nil, []IgnoreFile{above(GitIgnore, "eks", "*.log")}, "a/b.log", `pattern "*.log" of ../.gitignore:1`},
		{"nearer enclosing file wins", nil, []IgnoreFile{above(GitIgnore, "eks", "!*.log"), above(GitIgnore, "skills/eks", "*.log")}, "b.log", ""},
		{"further enclosing file loses", nil, []IgnoreFile{above(GitIgnore, "skills/eks", "!*.log"), above(GitIgnore, "eks", "*.log")}, "b.log", `pattern "*.log" of ../.gitignore:1`},
		{"inside over enclosing", nil, []IgnoreFile{above(GitIgnore, "eks", "*.log"), git("", "!*.log")}, "b.log", ""},
		{"the named root is wanted", nil, []IgnoreFile{above(GitIgnore, "dist/eks", "dist/")}, "a.md", ""},
		{"same place again replaces", nil, []IgnoreFile{above(GitIgnore, "eks", "*.log"), above(GitIgnore, "eks", "*.txt")}, "b.log", ""},
		{"floor", []string{"!.git", "!*"}, []IgnoreFile{git("", "!.git/")}, "a/.git/hooks/post-commit", `".git" is never published`},
		{"floor in any case", []string{"!.GIT"}, nil, ".GIT/config", `".GIT" is never published`},
		{"floor, short name", nil, nil, "GIT~1/config", `"GIT~1" is never published`},
		{"floor, trailing dot", nil, nil, ".git./config", `".git." is never published`},
		{"floor, stream", nil, nil, ".git::$INDEX_ALLOCATION/config", `".git::$INDEX_ALLOCATION" is never published`},
		{"floor, invisible", nil, nil, ".g\u200cit/config", "\".g\\u200cit\" is never published"},
		{"floor, file", nil, nil, ".git", `".git" is never published`},
		{"floor, state", nil, nil, ".assetsync/state.db", `".assetsync" is never published`},
		{"floor, CVS", nil, nil, "CVS/Root", `"CVS" is never published`},
		{"cvs is a word", nil, nil, "cvs/Root", ""},
		{"floor, temporary name", []string{"!*"}, nil, "a/" + TempPrefix + "x", `".assetsync-tmp-x" is never published`},
		{"floor, ignore file", []string{"!*"}, nil, "a/.gitignore", `".gitignore" is never published`},
		{"floor, own ignore file", nil, nil, ".assetsyncignore", `".assetsyncignore" is never published`},
		{"like the floor", nil, nil, ".github/a.md", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := newIgnore(t, tt.target...).With(tt.files...)
			if got := rules.Why(tt.path); got != tt.why {
				t.Errorf("Why(%q) = %q, want %q", tt.path, got, tt.why)
			}
			if got := rules.Ignored(tt.path); got != (tt.why != "") {
				t.Errorf("Ignored(%q) = %v", tt.path, got)
			}
		})
	}
}

func TestIgnoredDir(t *testing.T) {
	rules := newIgnore(t, "a/", "b", "c/*")
	for p, want := range map[Path]bool{
		"": false, "a": true, "x/a": true, "a/x": true, "b": true, "c": false, "c/x": true, "d": false, ".git": true, "x/.git/hooks": true,
	} {
		if got := rules.IgnoredDir(p); got != want {
			t.Errorf("IgnoredDir(%q) = %v, want %v", p, got, want)
		}
	}
}

func TestIgnoreWithLeavesTheOldRules(t *testing.T) {
	old := newIgnore(t).With(IgnoreFile{Above: "a/b", Data: []byte("x")}, IgnoreFile{Data: []byte("y")})
	for _, f := range []IgnoreFile{{Above: "b", Data: []byte("new")}, {Data: []byte("new")}, {Dir: "d", Data: []byte("new")}} {
		if !old.With(f).Ignored("d/new") {
			t.Errorf("With(%+v) adds nothing", f)
		}
	}
	if old.Ignored("d/new") || !old.Ignored("x") || !old.Ignored("y") {
		t.Error("With changed the rules it was called on")
	}
}

func TestNewIgnoreErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"":          `ignore pattern "" is empty`,
		"  ":        `ignore pattern "  " is empty`,
		"!":         `ignore pattern "!" is empty`,
		"/":         `ignore pattern "/" is empty`,
		"# drafts":  `ignore pattern "# drafts" is a comment; write "\#" for a name that begins with "#"`,
		"a\nb":      `ignore pattern "a\nb" contains a line end or a NUL`,
		"docs/[a-z": `ignore pattern "docs/[a-z" can match nothing: is a bracket open, a class unknown, or a backslash last?`,
		"[[:no:]]":  `ignore pattern "[[:no:]]" can match nothing: is a bracket open, a class unknown, or a backslash last?`,
		`a\`:        `ignore pattern "a\\" can match nothing: is a bracket open, a class unknown, or a backslash last?`,
	} {
		if _, err := NewIgnore([]string{"fine", pattern}); err == nil || err.Error() != want {
			t.Errorf("NewIgnore(%q) = %v, want %s", pattern, err, want)
		}
	}
}

// TestGlobTime matches what takes a backtracking matcher longer than anyone
// waits.
func TestGlobTime(t *testing.T) {
	rules := newIgnore(t, strings.Repeat("**/*a*", 200)+"/x", strings.Repeat("*a", 500)+"b")
	p := Path(strings.Repeat(strings.Repeat("a", 30)+"/", 60) + strings.Repeat("a", 2000))
	if rules.Ignored(p) {
		t.Error("matches")
	}
}

func TestEnclosingIgnore(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "skills", "eks")
	writeFiles(t, top, map[string]string{
		".gitignore":              "top",
		"skills/.gitignore":       "middle",
		"skills/.assetsyncignore": "own",
		"skills/eks/.gitignore":   "inside",
		"skills/eks/SKILL.md":     "",
	})
	got, err := EnclosingIgnore(dir, top)
	if err != nil {
		t.Fatal(err)
	}
	want := []IgnoreFile{
		{GitIgnore, "", "eks", []byte("middle")},
		{AssetsyncIgnore, "", "eks", []byte("own")},
		{GitIgnore, "", "skills/eks", []byte("top")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("EnclosingIgnore (-want +got):\n%s", diff)
	}
	if got, err := EnclosingIgnore(dir, dir); err != nil || got != nil {
		t.Errorf("EnclosingIgnore of the top = %v, %v, want nothing", got, err)
	}
	if _, err := EnclosingIgnore(top, dir); err == nil || !strings.Contains(err.Error(), "is not inside") {
		t.Errorf("EnclosingIgnore outside of the top: error %v", err)
	}
	if err := os.WriteFile(filepath.Join(top, ".gitignore"), bytes.Repeat([]byte("a"), maxIgnoreFile+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := EnclosingIgnore(dir, top); err == nil || !strings.Contains(err.Error(), "limit of 1048576") {
		t.Errorf("EnclosingIgnore of a huge file: error %v", err)
	}
}

func TestIgnoreTop(t *testing.T) {
	top := t.TempDir()
	writeFiles(t, top, map[string]string{"repo/.git/HEAD": "", "repo/a/b/x": "", "sub/.git": "gitdir: elsewhere", "plain/c/x": ""})
	at := func(name string) string { return filepath.Join(top, name) }
	for _, tt := range []struct{ name, dir, config, want string }{
		{"worktree above", "repo/a/b", "repo/a", "repo"},
		{"worktree itself", "repo", "", "repo"},
		{"worktree whose .git is a file", "sub", "", "sub"},
		{"no worktree", "plain/c", "plain", "plain"},
		{"no worktree, configuration elsewhere", "plain/c", "sub", "plain/c"},
	} {
		if got := IgnoreTop(at(tt.dir), at(tt.config)); got != at(tt.want) {
			t.Errorf("%s: IgnoreTop = %q, want %q", tt.name, got, at(tt.want))
		}
	}
}

// writeFiles makes files below dir, and the directories they need. A name
// that ends with a slash makes a directory.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		abs := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(abs, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(abs, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
