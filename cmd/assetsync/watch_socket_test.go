//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSocketPath looks for the place of the socket where paths are too long
// for one.
func TestSocketPath(t *testing.T) {
	long := "/" + strings.Repeat("x", maxSocketPath)
	runtime, temporary := t.TempDir(), t.TempDir()
	if len(runtime)+len("/assetsync/0123456789abcdef.sock") > maxSocketPath {
		t.Skip("temporary directories are too deep here")
	}
	tests := []struct {
		name, dir, runtime, temporary string
		want                          string // the directory; "" is an error
	}{
		{"short", "/srv/.assetsync", runtime, temporary, "/srv/.assetsync"},
		{"long", long, runtime, temporary, filepath.Join(runtime, "assetsync")},
		{"no runtime directory", long, "", temporary, temporary},
		{"a runtime directory that is no path", long, "run", temporary, temporary},
		{"a long runtime directory", long, long, temporary, temporary},
		{"all long", long, long, long, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TMPDIR", tt.temporary)
			t.Setenv("TMP", tt.temporary)
			a := &app{getenv: mapEnv(map[string]string{"XDG_RUNTIME_DIR": tt.runtime})}
			path, err := a.socketPath(tt.dir)
			if tt.want == "" {
				if err == nil || !strings.Contains(err.Error(), "too long") {
					t.Fatalf("%q, %v; want that it is too long", path, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(path) > maxSocketPath || !strings.HasPrefix(path, tt.want) {
				t.Errorf("%s (%d bytes), want one below %s", path, len(path), tt.want)
			}
			if again, err := a.socketPath(tt.dir); again != path || err != nil {
				t.Errorf("the second time it is %s, %v", again, err)
			}
		})
	}
}
