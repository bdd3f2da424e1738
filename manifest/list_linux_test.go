package manifest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEntriesOf lists directories as package os does: many names, long ones, and
// files of each kind.
func TestEntriesOf(t *testing.T) {
	make := map[string]func(dir string) error{
		"nothing": func(string) error { return nil },
		"many names": func(dir string) error {
			for i := range 3000 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("name-", i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		"names of each length": func(dir string) error {
			for n := 1; n <= 255; n++ {
				if err := os.WriteFile(filepath.Join(dir, strings.Repeat("n", n)), nil, 0o600); err != nil {
					return err
				}
			}
			return os.WriteFile(filepath.Join(dir, "no\xffUTF-8\n"), nil, 0o600)
		},
		"each kind": func(dir string) error {
			name := func(n string) string { return filepath.Join(dir, n) }
			socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: name("socket"), Net: "unix"})
			if err != nil {
				return err
			}
			t.Cleanup(func() { socket.Close() })
			return errors.Join(os.Mkdir(name("dir"), 0o700), os.WriteFile(name("file"), nil, 0o600),
				os.Symlink("file", name("link")), os.Symlink("nowhere", name("dangling")), unix.Mkfifo(name("pipe"), 0o600))
		},
	}
	for name, fill := range make {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "") // a short name: that of a socket is bounded
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			if err := fill(dir); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			entries, err := entriesOf(f)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, e := range entries {
				got = append(got, fmt.Sprintf("%q %v", e.name, e.kind))
			}
			all, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				want = append(want, fmt.Sprintf("%q %v", e.Name(), e.Type()))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d entries %.300q, want %d %.300q", len(got), got, len(want), want)
			}
			if err := asPathError("x", f, nil); err != nil {
				t.Errorf("no error is %v", err)
			}
		})
	}
}

// TestAppendDirents reads answers that no system should give.
func TestAppendDirents(t *testing.T) {
	entry := func(length byte, name string) []byte {
		return append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, length, 0, unix.DT_REG}, name...)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string // "": damaged
	}{
		"cut short":         {entry(24, "a\x00")[:12], ""},
		"of no length":      {entry(0, "a\x00\x00\x00\x00"), ""},
		"longer than it is": {entry(200, "a\x00\x00\x00\x00"), ""},
		"no end of a name":  {entry(24, "abcde"), "abcde"},
		"as it should be":   {append(entry(24, "a\x00\x00\x00\x00"), entry(24, "b\x00\x00\x00\x00")...), "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := appendDirents(nil, -1, tt.data)
			var names []string
			for _, e := range entries {
				names = append(names, e.name)
			}
			if got := strings.Join(names, " "); got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if _, err := kindOf(-1, "a", unix.DT_UNKNOWN); !errors.Is(err, unix.EBADF) {
		t.Errorf("a kind that cannot be told: %v", err)
	}
}
