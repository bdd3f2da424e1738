package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestStateDirInAForeignRepository keeps the state out of git where the
// repository itself cannot be written.
func TestStateDirInAForeignRepository(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	top := t.TempDir()
	info := filepath.Join(top, ".git", "info")
	if err := os.MkdirAll(info, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(info, 0o555); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, ".assetsync")
	if err := makeStateDir(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if err != nil || string(got) != "*\n" {
		t.Errorf("the ignore file holds %q, %v; want one star", got, err)
	}
}
