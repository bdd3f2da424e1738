package remote

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"
)

// TestWords reads the source for all kinds: each has a word of its own, and
// what is none of them has no word that comes from outside.
func TestWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	form, seen := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`), map[string]Kind{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Kind" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		k := Kind(text)
		if other, twice := seen[k.Word()]; twice || !form.MatchString(k.Word()) {
			t.Errorf("the word of %s is %q, of another it is %q", k, k.Word(), other)
		}
		seen[k.Word()] = k
		return false
	})
	if len(seen) != len(words) {
		t.Errorf("%d kinds were found, and there are %d words", len(seen), len(words))
	}
	if got := Kind("Teapot\x1b").Word(); got != "unexpected" {
		t.Errorf("the word of a kind that nobody knows is %q", got)
	}
}
