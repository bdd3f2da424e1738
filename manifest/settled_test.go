//go:build linux || darwin

package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSettled changes a file in ways that a state has to tell.
func TestSettled(t *testing.T) {
	at := time.Now().Add(-24 * time.Hour)
	write := func(f, content string) error {
		return errors.Join(os.WriteFile(f, []byte(content), 0o644), os.Chtimes(f, at, at))
	}
	tests := []struct {
		name   string
		change func(file string) error
		same   bool
	}{
		{"nothing", func(string) error { return nil }, true},
		{"another size", func(f string) error { return write(f, "longer than before\n") }, false},
		{"the same size and time", func(f string) error { return write(f, "two\n") }, false},
		{"another file of the same size and time", func(f string) error {
			return errors.Join(write(f+"~", "two\n"), os.Rename(f+"~", f))
		}, false},
		{"another mode", func(f string) error { return os.Chmod(f, 0o600) }, false},
		{"a directory", func(f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o755)) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "SKILL.md")
			if err := write(file, "one\n"); err != nil {
				t.Fatal(err)
			}
			state := func(now time.Time) string {
				info, err := os.Stat(file)
				if err != nil {
					t.Fatal(err)
				}
				return Settled(info, now)
			}
			before := state(later())
			if young, unknown := state(time.Now()), state(time.Time{}); before == "" || young != "" || unknown != "" {
				t.Fatalf("state %q, of a young file %q, without a time %q", before, young, unknown)
			}
			if err := tt.change(file); err != nil {
				t.Fatal(err)
			}
			if after := state(later()); (after == before) != tt.same {
				t.Errorf("state %q before and %q after", before, after)
			}
		})
	}
}
