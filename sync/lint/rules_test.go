package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"assetsync/remote/assettype"
	"assetsync/sync/lint"
)

// TestRules asks for a rule, with its severity and a fix, for every finding
// that package assettype can make: the words are read from its source.
func TestRules(t *testing.T) {
	severity := map[string]assettype.Severity{}
	for _, r := range lint.Rules() {
		if severity[r.ID] != "" {
			t.Errorf("rule %s is there twice", r.ID)
		}
		if r.What == "" || r.Fix == "" {
			t.Errorf("rule %s does not say what is wrong and what to do", r.ID)
		}
		severity[r.ID] = r.Severity
	}
	made := rulesMade(t, "../../remote/assettype")
	if len(made) < 30 {
		t.Errorf("only %d rules were read: %v", len(made), made)
	}
	for id, want := range made {
		if severity[id] != want {
			t.Errorf("rule %s of assettype is %q, want %q", id, severity[id], want)
		}
	}
	for _, typ := range assettype.All() {
		for _, f := range assettype.CheckMetadata(typ, nil) {
			if severity[f.Rule] != f.Severity {
				t.Errorf("rule %s of assettype is %q, want %q", f.Rule, severity[f.Rule], f.Severity)
			}
		}
	}
}

// rulesMade returns the words that a package's source gives to its functions
// that make findings.
func rulesMade(t *testing.T, dir string) map[string]assettype.Severity {
	t.Helper()
	makers := map[string]assettype.Severity{
		"refused": assettype.Error, "advised": assettype.Warning, "oneOf": assettype.Error, "checkLength": assettype.Error,
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]assettype.Severity{}
	for _, name := range files {
		if !strings.HasSuffix(name.Name(), ".go") || strings.HasSuffix(name.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), dir+"/"+name.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			maker, isName := call.Fun.(*ast.Ident)
			word, isText := call.Args[0].(*ast.BasicLit)
			if isName && isText && makers[maker.Name] != "" {
				id, err := strconv.Unquote(word.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[id] = makers[maker.Name]
			}
			return true
		})
	}
	if found["agent-type-unknown"] != "" {
		found["agent-type-unknown"] = assettype.Warning // the one that people are only warned of
	}
	return found
}

// TestManual compares docs/lint.md with the rules.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	for _, r := range lint.Rules() {
		fix := r.Fix
		if r.Mechanical {
			fix += " (`--fix`)"
		}
		want = append(want, "| `"+r.ID+"` | "+string(r.Severity)+" | "+r.What+" | "+fix+" |")
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("docs/lint.md lacks\n%s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("docs/lint.md has\n%s", line)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("# A\n[a](b.md#c) ![d](<e f.png>)\n\n[g]: h\n\n<img src='i'>\n")
	f.Add("\ufeff---\nname: a\ndescription: b: c\n---\n[x](Skill.MD)\n")
	f.Add("👩‍🚀 🏴\U000e0067\U000e007f \u202eabc\u202c a\u200bb \u05d0\u2067\u2069")
	f.Add("> - [a\n>   b](..\\c.md)\n\x1b\x00\xff")
	f.Fuzz(func(t *testing.T, body string) {
		a := skill(t, "x\n", map[string]string{"a.md": body, "Two Words.md": "# Top\n"})
		for range 100 {
			found := lint.Check(a)
			content, _ := a.Files.Content("a.md")
			lines := strings.Count(string(content), "\n") + 1
			for _, one := range found {
				if one.Line < 0 || one.Path == "a.md" && one.Line > lines || one.Line > 0 && one.Column < 1 || one.Fix == "" || one.Message == "" {
					t.Fatalf("%+v in %q", one, content)
				}
			}
			changed, _ := lint.Fix(a.Files, found)
			if len(changed) == 0 {
				return
			}
			next, err := a.Files.With(changed)
			if err != nil {
				t.Fatal(err)
			}
			if next.Tree().ID() == a.Files.Tree().ID() {
				t.Fatalf("a fix changed nothing: %q", content)
			}
			a.Files = next
		}
		t.Fatalf("fixes go on for ever: %q", body)
	})
}
