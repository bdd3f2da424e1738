package sync

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"assetsync/remote"
)

// TestSortOfManyNames lists as many names as are taken, in the shapes that
// compare each with each.
func TestSortOfManyNames(t *testing.T) {
	if Raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	for name, nameOf := range map[string]func(i int) string{
		"twins":             func(i int) string { return []string{"a", "A"}[i%2] + fmt.Sprint(i/2) },
		"below twins":       func(i int) string { return []string{"a", "A"}[i%2] + fmt.Sprintf("/%d", i/2) },
		"all twins":         func(i int) string { return cased(i) },
		"below one file":    func(i int) string { return "d" + strings.Repeat(fmt.Sprintf("/%d", i), min(i, 1)) },
		"deep":              func(i int) string { return strings.Repeat("a/", 250) + fmt.Sprint(i) },
		"deep and apart":    func(i int) string { return fmt.Sprint(i) + strings.Repeat("/a", 250) },
		"not to be handled": func(i int) string { return fmt.Sprintf("../%d", i) },
	} {
		t.Run(name, func(t *testing.T) {
			o, size := observation{listing: map[string]stamp{}}, 0
			for i := 0; i < 100_000; i++ {
				n := nameOf(i)
				if size += len(n); size > mostNames {
					break
				}
				o.listing[n] = stamp{}
			}
			start := time.Now()
			held := o.sort(remote.Edition20260617(), nil)
			if d := time.Since(start); d > time.Minute {
				t.Errorf("%d names took %s", len(o.listing), d)
			}
			if len(held)+len(o.side.Unknown) < len(o.listing) {
				t.Errorf("of %d names %d are held and %d unknown", len(o.listing), len(held), len(o.side.Unknown))
			}
		})
	}
}

// cased is a name of 17 letters, in another case for each i.
func cased(i int) string {
	name := []byte("abcdefghijklmnopq")
	for bit := range name {
		if i>>bit&1 == 1 {
			name[bit] -= 'a' - 'A'
		}
	}
	return string(name)
}
