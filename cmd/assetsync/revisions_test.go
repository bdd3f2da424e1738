package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

// testWords know a repository and a few files.
func testWords(named, commits string) words {
	in := func(list string) func(string) bool {
		return func(text string) bool { return slices.Contains(strings.Fields(list), text) }
	}
	return words{named: in(named), commit: in(commits)}
}

func TestParseRevisions(t *testing.T) {
	tests := []struct {
		name string
		args string
		dash int
		want string // from, to, | and the rest, or the error
	}{
		{"nothing", "", -1, "remote local |"},
		{"a target", "skills/one", -1, "remote local | skills/one"},
		{"one", "3", -1, "v3 local |"},
		{"one with v", "v3 skills/one", -1, "v3 local | skills/one"},
		{"live", "live", -1, "remote local |"},
		{"two words", "base remote skills/one", -1, "base remote | skills/one"},
		{"a range", "1..v2 skills/one", -1, "v1 v2 | skills/one"},
		{"a commit", "HEAD", -1, "rev:HEAD local |"},
		{"commits", "HEAD~1..main", -1, "rev:HEAD~1 rev:main |"},
		{"two commits", "HEAD~1 main", -1, "rev:HEAD~1 rev:main |"},
		{"a tag that is a version", "v3", -1, "v3 local |"},
		{"a tag with rev", "rev:v3", -1, "rev:v3 local |"},
		{"a branch that is a file", "docs", -1, "remote local | docs"},
		{"the branch all the same", "rev:docs..docs", -1, `error: "rev:docs..docs": "docs" is no revision`},
		{"environments", "env:a..env:b@3", -1, "env:a env:b@3 |"},
		{"a path above", "../skills/one", -1, "remote local | ../skills/one"},
		{"a file with dots", "a..b", -1, "remote local | a..b"},
		{"after the dash", "-- 1..2", 0, "remote local | 1..2"},
		{"before the dash", "1 -- 2", 1, "v1 local | 2"},
		{"three", "1 2 3", -1, "v1 v2 | 3"},
		{"no such", "nosuch", -1, "remote local | nosuch"},
		{"half a range", "1..nosuch", -1, `error: "1..nosuch": "nosuch" is no revision`},
		{"an open range", "1..", -1, `error: "1..": "" is no revision`},
		{"three dots", "1...2", -1, `error: "1...2": three dots are of branches, and versions have none`},
		{"zero", "0", -1, `error: "0" is no revision`},
		{"zero in a range", "1..v0", -1, `error: "v0" is no revision`},
		{"too large", "4294967297", -1, `error: "4294967297" is no revision`},
		{"no commit", "rev:", -1, `error: "rev:" is no revision`},
		{"no environment", "1..env:", -1, `error: "env:" is no revision`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := slices.DeleteFunc(strings.Fields(tt.args), func(arg string) bool { return arg == "--" })
			r, rest, err := parseRevisions(args, tt.dash, testWords("docs skills/one a..b", "HEAD HEAD~1 main v3 docs"))
			got := strings.TrimSpace(r.from.String() + " " + r.to.String() + " | " + strings.Join(rest, " "))
			if err != nil {
				got = "error: " + err.Error()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// FuzzRevisions looks for words that are taken for something else than they
// are: what is left is the end of what was given, and what was read is written
// so that it is read again.
func FuzzRevisions(f *testing.F) {
	for _, seed := range []string{"", "1..2 a", "v3 local", "rev:a..env:b@2", "HEAD..x", "0", "..", "...", "a..", "live base x", "rev:..1", "99999999999"} {
		f.Add(seed, -1)
		f.Add(seed, 1)
	}
	f.Fuzz(func(t *testing.T, line string, dash int) {
		args := strings.Split(line, " ")
		if dash > len(args) {
			dash = len(args)
		}
		r, rest, err := parseRevisions(args, dash, testWords("docs", "HEAD"))
		if err != nil {
			if k := assetsync.AsError(err).Kind; k != assetsync.KindUsage {
				t.Errorf("%q: an error of kind %v", line, k)
			}
			return
		}
		if n := len(args) - len(rest); n < 0 || n > 2 || !slices.Equal(rest, args[n:]) || dash >= 0 && n > dash {
			t.Errorf("%q leaves %q", args, rest)
		}
		for _, one := range []assetsync.Revision{r.from, r.to} {
			again, ok, err := assetsync.ParseRevision(one.String())
			if !ok || err != nil || again != one {
				t.Errorf("%q: %+v is read as %+v, %v, %v", line, one, again, ok, err)
			}
		}
	})
}

func TestParseShow(t *testing.T) {
	tests := []struct {
		args string
		want shown
		err  string
	}{
		{"", shown{}, ""},
		{"3", shown{version: 3}, ""},
		{"v3:a:b", shown{version: 3, path: "a:b"}, ""},
		{"remote:SKILL.md", shown{path: "SKILL.md"}, ""},
		{"skills/one", shown{target: []string{"skills/one"}}, ""},
		{"skills/one live", shown{target: []string{"skills/one"}}, ""},
		{"./3 4", shown{target: []string{"./3"}, version: 4}, ""},
		{"base", shown{target: []string{"base"}}, ""},
		{"skills/one base", shown{}, "this is no version"},
		{"0", shown{}, "versions begin at 1"},
		{"3:", shown{}, "the path is empty"},
		{"3 skills/one", shown{}, "the version comes last"},
		{"a b c", shown{}, "there are 3 words"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got, err := parseShow(strings.Fields(tt.args))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(shown{})); d != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}

// TestTerminalText gives a terminal what a hostile file holds.
func TestTerminalText(t *testing.T) {
	patch := "metadata a\n- k: 1\n+ k: 2\n" +
		"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n \tcontext\n--- a/y\n+++ b/y\n+\x1b]0;t\a\u202e\u009b\xff\r\n\\ No newline at end of file\n" +
		"diff --git a/y b/y\nBinary files a/y and b/y differ\n"
	want := "<bold>metadata a<end>\n<red>- k: 1<end>\n<green>+ k: 2<end>\n" +
		"<bold>diff --git a/x b/x<end>\n<bold>index 1..2 100644<end>\n<bold>--- a/x<end>\n<bold>+++ b/x<end>\n<cyan>@@ -1,2 +1,2 @@<end>\n \tcontext\n<red>--- a/y<end>\n<green>+++ b/y<end>\n" +
		"<green>+\\x1b]0;t\\a\\u202e\\u009b\uFFFD\\r<end>\n\\ No newline at end of file\n" +
		"<bold>diff --git a/y b/y<end>\n<bold>Binary files a/y and b/y differ<end>\n"
	names := strings.NewReplacer(bold, "<bold>", red, "<red>", green, "<green>", cyan, "<cyan>", yellow, "<yellow>", colorsEnd, "<end>")
	if d := cmp.Diff(want, names.Replace(terminalText(patch, true))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	plain := terminalText(patch, false)
	if i := strings.IndexFunc(plain, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }); i >= 0 {
		t.Errorf("a control character is left at %d of %q", i, plain)
	}
}
