package manifest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTwins(t *testing.T) {
	for _, tt := range []struct {
		name  string
		paths []Path
		want  [][]Path
	}{
		{"none", []Path{"a", "b/a", "b/c"}, nil},
		{"the same path twice", []Path{"a", "a"}, nil},
		{"three of a kind", []Path{"b/A.md", "b/a.MD", "b/a.md"}, [][]Path{{"b/A.md", "b/a.MD", "b/a.md"}}},
		{"a file and a directory", []Path{"docs", "Docs/a"}, [][]Path{{"Docs", "docs"}}},
		{"directories only", []Path{"a/B/1", "a/b/1", "a/b/2"}, [][]Path{{"a/B", "a/b"}}},
		{"in different directories", []Path{"a/x", "b/X"}, nil},
		{"Unicode form", []Path{"u\u0308", "\u00fc", "\u00dc"}, [][]Path{{"u\u0308", "\u00dc", "\u00fc"}}},
		{"Kelvin sign", []Path{"\u212a", "k"}, [][]Path{{"k", "\u212a"}}},
		{"sorted", []Path{"z", "Z", "a", "A"}, [][]Path{{"A", "a"}, {"Z", "z"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Twins(slices.Values(tt.paths))); diff != "" {
				t.Errorf("Twins (-want +got):\n%s", diff)
			}
		})
	}
}
