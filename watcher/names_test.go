package watcher

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNames does at random what a map does, too, and compares the two.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		name      string
		of, steps int // how many names there may be, and how many changes are made
		packs     bool
	}{
		{"one", 1, 20, false},
		{"few", 20, 500, false},
		{"many", 2000, 20000, false},
		{"packed now and then", 300, 3000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(test.of)))
			var got names
			want := make(map[string]bool)
			for range test.steps {
				name := fmt.Sprint("ä", random.IntN(test.of)) // one is a beginning of another
				if random.IntN(3) > 0 {
					got.add(name)
					want[name] = true
				} else {
					got.remove(name)
					delete(want, name)
				}
				if test.packs && random.IntN(50) == 0 {
					got.pack()
				}
				if name := fmt.Sprint("ä", random.IntN(test.of)); got.has(name) != want[name] {
					t.Fatalf("has(%q) is %v, want %v", name, got.has(name), want[name])
				}
			}
			if got, want := slices.Sorted(got.all()), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestNamesOrder adds names in an order, packs them, and looks how they are kept.
func TestNamesOrder(t *testing.T) {
	for _, test := range []struct {
		name string
		add  []string
		want string
	}{
		{"none", nil, ""},
		{"in order", []string{"a", "ab", "b"}, "a/ab/b/"},
		{"not in order", []string{"b", "a", "ab"}, "a/ab/b/"},
		{"twice", []string{"a", "a"}, "a/"},
		{"before the separator", []string{"a", "a-b", "a.b", "a0"}, "a/a-b/a.b/a0/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n names
			for _, name := range test.add {
				n.add(name)
			}
			n.pack()
			if got := string(n.packed); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, name := range test.add {
				if !n.has(name) {
					t.Errorf("%q is not there", name)
				}
			}
			for _, name := range []string{"", "a/", "/", "zz"} {
				if n.has(name) {
					t.Errorf("%q is there", name)
				}
			}
		})
	}
}

// TestNamesRemovedMeanwhile removes names while they are yielded.
func TestNamesRemovedMeanwhile(t *testing.T) {
	var n names
	for i := range 200 {
		n.add(fmt.Sprintf("%03d", i))
	}
	n.remove("100")
	n.add("new")
	seen := 0
	for name := range n.all() {
		seen++
		n.remove(name)
		n.remove("150")
	}
	if left := slices.Collect(n.all()); len(left) != 0 || seen != 199 {
		t.Errorf("%d were yielded, and %q are left", seen, left)
	}
}

// BenchmarkNames looks a name up in directories of several sizes.
func BenchmarkNames(b *testing.B) {
	for _, size := range []int{10, 1000, 100000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var n names
			for i := range size {
				n.add(fmt.Sprintf("file-%06d.md", i))
			}
			name := fmt.Sprintf("file-%06d.md", size/3)
			for b.Loop() {
				if !n.has(name) {
					b.Fatal("it is not there")
				}
			}
		})
	}
}
