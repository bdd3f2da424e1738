package githook

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != text {
		t.Errorf("%s is %q, %v, want %q", name, got, err, text)
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm() != mode && runtime.GOOS != "windows" {
		t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), mode)
	}
}

func wantAction(t *testing.T, what string, got Action, err error, want Action) {
	t.Helper()
	if err != nil || got != want {
		t.Fatalf("%s: %q, %v, want %q", what, got, err, want)
	}
}

func TestInstall(t *testing.T) {
	name := filepath.Join(t.TempDir(), "hooks", "post-commit")
	got, err := Uninstall(name)
	wantAction(t, "uninstall nothing", got, err, Absent)
	got, err = Install(name, block, true)
	wantAction(t, "install", got, err, Installed)
	wantFile(t, name, "#!/bin/sh\n"+block, 0o755)
	got, err = Install(name, block, true)
	wantAction(t, "install again", got, err, Unchanged)
	got, err = Install(name, begin+"\nother\n"+end+"\n", true)
	wantAction(t, "install another", got, err, Updated)
	got, err = Uninstall(name)
	wantAction(t, "uninstall", got, err, Removed)
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestInstallBesideForeign(t *testing.T) {
	name := filepath.Join(t.TempDir(), "post-commit")
	const text = "#!/bin/bash\r\necho a\nexit 0"
	write(t, name, text, 0o750)
	got, err := Install(name, block, true)
	wantAction(t, "install", got, err, Installed)
	wantFile(t, name, "#!/bin/bash\r\n"+block+"echo a\nexit 0", 0o750)
	if f, err := Read(name); err != nil || !f.IsForeign() {
		t.Errorf("foreign lines are not seen: %v", err)
	}
	got, err = Uninstall(name)
	wantAction(t, "uninstall", got, err, Removed)
	wantFile(t, name, text, 0o750)
}

func TestInstallThroughLink(t *testing.T) {
	dir := t.TempDir()
	name, versioned := filepath.Join(dir, ".git", "hooks", "post-commit"), filepath.Join(dir, "tools", "hook.sh")
	write(t, versioned, shebang, 0o755)
	write(t, filepath.Join(dir, ".git", "hooks", "x"), "", 0o644)
	if err := os.Symlink("../../tools/hook.sh", name); err != nil {
		t.Skip(err)
	}
	got, err := Install(name, block, true)
	wantAction(t, "install", got, err, Installed)
	wantFile(t, versioned, shebang+block, 0o755)
	// What is left is what somebody's link leads to.
	got, err = Uninstall(name)
	wantAction(t, "uninstall", got, err, Removed)
	wantFile(t, versioned, shebang, 0o755)
	if to, err := os.Readlink(name); err != nil || to != "../../tools/hook.sh" {
		t.Errorf("the link is %q, %v", to, err)
	}
}

func TestInstallRefuses(t *testing.T) {
	dir := t.TempDir()
	python, plain, nowhere := filepath.Join(dir, "python"), filepath.Join(dir, "plain"), filepath.Join(dir, "nowhere")
	write(t, python, "#!/usr/bin/python3\n", 0o755)
	write(t, plain, "echo a\n", 0o644)
	tests := map[string]struct {
		name    string
		started bool
		want    error
	}{
		"another language":    {python, true, ErrNotShell},
		"a link to nothing":   {nowhere, true, fs.ErrNotExist},
		"that git passes":     {plain, true, ErrNotExecutable},
		"not started by git":  {plain, false, nil},
		"a directory instead": {dir, true, errors.ErrUnsupported},
	}
	if err := os.Symlink("gone", nowhere); err != nil {
		t.Skip(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && errors.Is(tt.want, ErrNotExecutable) {
				t.Skip("no file is executable there")
			}
			_, err := Install(tt.name, block, tt.started)
			if tt.want == errors.ErrUnsupported && err != nil { // in words of its own
				return
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	wantFile(t, python, "#!/usr/bin/python3\n", 0o755)
}
