package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHostilePatterns matches what takes exponential time where a matcher goes
// back, and as many patterns as an ignore file may hold.
func TestHostilePatterns(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	deep := Path(strings.Repeat("a/", 2000) + "a")
	long := Path(strings.Repeat("a", 4000))
	for name, tt := range map[string]struct {
		data string
		path Path
	}{
		"stars":              {strings.Repeat("*a", 2000) + "b", long},
		"double stars":       {strings.Repeat("**/a/", 1000) + "b", deep},
		"stars and slashes":  {strings.Repeat("*/**/", 800) + "b", deep},
		"question marks":     {strings.Repeat("?*", 2000) + "b", long},
		"brackets":           {strings.Repeat("[!b]*", 800) + "b", long},
		"one long line":      {strings.Repeat("a*", maxIgnoreFile/2), long},
		"many lines":         {strings.Repeat("a*b\n", maxIgnoreFile/4), "references/aaa.md"},
		"many negations":     {strings.Repeat("*\n!*\n", maxIgnoreFile/5), "references/aaa.md"},
		"many open brackets": {strings.Repeat("[", maxIgnoreFile), long},
		"many backslashes":   {strings.Repeat("\\", maxIgnoreFile-1), long},
		"NULs":               {strings.Repeat("\x00\n", maxIgnoreFile/2), "a"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			newIgnore(t).With(IgnoreFile{Layer: AssetsyncIgnore, Data: []byte(tt.data)}).Ignored(tt.path)
			if d := time.Since(start); d > 2*time.Minute {
				t.Errorf("took %s", d)
			}
		})
	}
}

// TestHugeIgnoreFile has one of 100 MB, most of which is not even on the disk:
// it is refused and not read.
func TestHugeIgnoreFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, ".gitignore")
	if err := os.WriteFile(name, []byte("*.log\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 100<<20); err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(dir, "skill")
	if err := os.Mkdir(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := EnclosingIgnore(inner, dir); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("above: error %v, want one that names %s", err, name)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if snap, err := Scan(t.Context(), root, ScanOptions{}); err == nil && len(snap.Problems) == 0 {
		t.Error("inside: neither an error nor a problem")
	}
}
