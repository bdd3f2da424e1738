//go:build unix

package manifest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScanIrregular(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a": "a", "d/b": "b"})
	if err := syscall.Mkfifo(filepath.Join(dir, "d", "pipe"), 0o644); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("d/pipe", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // the names of sockets are short
	socket, err := net.Listen("unix", "socket")
	if err != nil {
		t.Skip(err)
	}
	defer socket.Close()
	got, _ := scan(t, openRoot(t, dir), ScanOptions{})
	want := found{
		Files: map[Path]string{"a": "a", "d/b": "b"},
		Problems: []string{
			"irregular d/pipe: is a named pipe, not a regular file",
			"irregular link: is a named pipe, not a regular file",
			"irregular socket: is a socket, not a regular file",
		},
		Unknown: []string{"d/pipe", "link", "socket"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Scan (-want +got):\n%s", diff)
	}
}

// TestScanPipeAsIgnoreFile must not wait for a writer.
func TestScanPipeAsIgnoreFile(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a": "a"})
	if err := syscall.Mkfifo(filepath.Join(dir, ".gitignore"), 0o644); err != nil {
		t.Skip(err)
	}
	got, snap := scan(t, openRoot(t, dir), ScanOptions{})
	want := found{
		Files:    map[Path]string{},
		Problems: []string{"irregular .gitignore: not a regular file"},
		Unknown:  []string{"/", ".gitignore"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Scan (-want +got):\n%s", diff)
	}
	if !snap.Unknown.Has("a") {
		t.Error("a is not unknown, though nobody knows whether it is ignored")
	}
	if _, err := EnclosingIgnore(filepath.Join(dir, "sub"), dir); err == nil {
		t.Error("EnclosingIgnore reads a pipe")
	}
}

func TestScanUnreadable(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a": "a", "secret": "s", "closed/x": "x", "rules/.gitignore": "", "rules/y": "", "ignored/z": ""})
	for _, name := range []string{"secret", "closed", "rules/.gitignore", "ignored"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o755); os.Chmod(filepath.Join(dir, "ignored"), 0o755) })
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // lets nobody in
		t.Fatal(err)
	}
	asNobody(t)
	got, snap := scan(t, openRoot(t, dir), ScanOptions{Ignore: []string{"ignored"}})
	want := found{
		Files: map[Path]string{"a": "a"},
		Problems: []string{
			"unreadable closed: permission denied",
			"unreadable rules/.gitignore: permission denied",
			"unreadable secret: permission denied",
		},
		Unknown: []string{"closed/", "rules/", "rules/.gitignore", "secret"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Scan (-want +got):\n%s", diff)
	}
	if !snap.Unknown.Has("closed/x") || !snap.Unknown.Has("rules/y") {
		t.Error("what lies below an unreadable directory is not unknown")
	}
}

// TestReadStable changes a file while it is read, in the ways that saves do.
func TestReadStable(t *testing.T) {
	changes := map[string]func(name string) error{
		"appended": func(name string) error {
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("more")
			return err
		},
		"rewritten in place": func(name string) error { return os.WriteFile(name, []byte("BBBB"), 0o644) },
		"truncated":          func(name string) error { return os.Truncate(name, 1) },
		"replaced": func(name string) error {
			if err := os.WriteFile(name+".new", []byte("cccc"), 0o644); err != nil {
				return err
			}
			return os.Rename(name+".new", name)
		},
	}
	for name, change := range changes {
		for _, times := range []int{1, stableTries} {
			eachOpener(t, name, map[string]string{"f": "aaaa"}, func(t *testing.T, dir string, open opener) {
				file := filepath.Join(dir, "f")
				tries := 0
				var got []byte
				err := open.readStable(t.Context(), "f", 0, func(r *stableReader, size int64) (int64, error) {
					data, err := io.ReadAll(r)
					got = data
					if tries++; tries <= times {
						if err := change(file); err != nil {
							t.Fatal(err)
						}
					}
					return int64(len(data)), err
				})
				if times == stableTries {
					if err != errUnstable || tries != stableTries {
						t.Errorf("after %d tries: error %v, want errUnstable after %d", tries, err, stableTries)
					}
					return
				}
				want, _ := os.ReadFile(file)
				if err != nil || string(got) != string(want) {
					t.Errorf("read %q, %v, want %q", got, err, want)
				}
			})
		}
	}
}

// eachOpener runs a test in a directory of these files, with each way to open them.
func eachOpener(t *testing.T, name string, files map[string]string, test func(t *testing.T, dir string, open opener)) {
	t.Helper()
	run := func(way string, with func(root *os.Root, do func(opener)) error) {
		t.Run(name+"/"+way, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, files)
			if err := with(openRoot(t, dir), func(open opener) { test(t, dir, open) }); err != nil {
				t.Fatal(err)
			}
		})
	}
	run("below a root", func(root *os.Root, do func(opener)) error { do(openBelow(root)); return nil })
	run("in a directory", openingIn)
}

// TestOpenOther opens what is no regular file, as when it took the place of one since
// the directory was listed: nothing blocks, no link is followed.
func TestOpenOther(t *testing.T) {
	others := map[string]struct {
		put  func(name string) error
		want error
	}{
		"a pipe":      {func(name string) error { return syscall.Mkfifo(name, 0o644) }, errIrregular},
		"a directory": {func(name string) error { return os.Mkdir(name, 0o755) }, errIrregular},
		"a link":      {func(name string) error { return os.Symlink("other", name) }, errIrregular},
		"a socket": {func(name string) error {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			return errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: name}), syscall.Close(fd))
		}, errIrregular},
		"nothing": {func(string) error { return nil }, errUnstable},
	}
	for name, other := range others {
		eachOpener(t, name, map[string]string{"other": "aaaa"}, func(t *testing.T, dir string, open opener) {
			t.Chdir(dir) // the name of a socket is short
			if err := other.put("f"); err != nil {
				t.Fatal(err)
			}
			err := open.readStable(t.Context(), "f", 0, func(*stableReader, int64) (int64, error) {
				t.Error("it is read")
				return 0, nil
			})
			if !errors.Is(err, other.want) {
				t.Errorf("error %v, want %v", err, other.want)
			}
		})
	}
}

// TestReadInPieces reads a file with buffers of every size: the end is where the file
// ends, also for whoever goes back to the first byte.
func TestReadInPieces(t *testing.T) {
	const text = "0123456789"
	for size := 1; size <= len(text)+2; size++ {
		eachOpener(t, strconv.Itoa(size), map[string]string{"f": text}, func(t *testing.T, _ string, open opener) {
			err := open.readStable(t.Context(), "f", 0, func(r *stableReader, _ int64) (n int64, err error) {
				for range 2 {
					var got strings.Builder
					if n, err = io.CopyBuffer(&got, struct{ io.Reader }{r}, make([]byte, size)); err != nil || got.String() != text {
						t.Errorf("got %q, %v", got.String(), err)
					}
					if err := r.rewind(); err != nil {
						t.Error(err)
					}
				}
				return n, err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// scanAround scans dir and lets change happen once all directories are
// listed and no file is read.
func scanAround(t *testing.T, dir string, change func()) found {
	t.Helper()
	root := openRoot(t, dir)
	s := newScanner(directory{root, nil}, ScanOptions{}, newIgnore(t))
	if err := s.walk(t.Context(), scanDir{name: "."}, nil); err != nil {
		t.Fatal(err)
	}
	change()
	if err := s.hashAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.checkDirs(t.Context(), directory{root, nil}); err != nil {
		t.Fatal(err)
	}
	snap, err := s.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return look(t, root, snap)
}

func TestScanSeesMoves(t *testing.T) {
	rename := func(from, to string) func(dir string) error {
		return func(dir string) error { return os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)) }
	}
	const changed = ": changed while it was read"
	all := map[Path]string{"a/1": "1", "b/2": "2", "f": "f"}
	tests := []struct {
		name   string
		change func(dir string) error
		want   found
	}{
		{"a file goes to another directory", rename("b/2", "a/2"), found{
			Files:    map[Path]string{"f": "f"},
			Problems: []string{"unstable a" + changed, "unstable b" + changed, "unstable b/2" + changed},
			Unknown:  []string{"a/", "b/", "b/2"},
		}},
		{"a directory goes", rename("b", "a/b"), found{
			Files:    map[Path]string{},
			Problems: []string{"unstable " + changed, "unstable b/2" + changed},
			Unknown:  []string{"/", "b/2"},
		}},
		{"a file comes", func(dir string) error { return os.WriteFile(filepath.Join(dir, "b", "new"), nil, 0o644) }, found{
			Files:    map[Path]string{"a/1": "1", "f": "f"},
			Problems: []string{"unstable b" + changed},
			Unknown:  []string{"b/"},
		}},
		{"what is ignored comes", func(dir string) error { return os.WriteFile(filepath.Join(dir, "b", "2.swp"), nil, 0o644) }, found{Files: all}},
		{"a file is saved by a rename", func(dir string) error {
			temp := filepath.Join(dir, "b", TempPrefix+"2")
			if err := os.WriteFile(temp, []byte("2"), 0o600); err != nil {
				return err
			}
			return os.Rename(temp, filepath.Join(dir, "b", "2"))
		}, found{Files: all}},
		{"a file becomes a pipe", func(dir string) error {
			if err := os.Remove(filepath.Join(dir, "f")); err != nil {
				return err
			}
			return syscall.Mkfifo(filepath.Join(dir, "f"), 0o644)
		}, found{
			Files:    map[Path]string{"a/1": "1", "b/2": "2"},
			Problems: []string{"irregular f: not a regular file"},
			Unknown:  []string{"f"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"a/1": "1", "b/2": "2", "f": "f"})
			got := scanAround(t, dir, func() {
				if err := tt.change(dir); err != nil {
					t.Fatal(err)
				}
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Scan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScanBesideWriter scans while another goroutine saves files: what is
// in the tree has one of the contents that were saved, and nothing that was
// there all the time is absent.
func TestScanBesideWriter(t *testing.T) {
	for _, text := range []Text{TextExact, TextLF} {
		t.Run(string(text), func(t *testing.T) { scanBesideWriter(t, text) })
	}
}

func scanBesideWriter(t *testing.T, text Text) {
	contents := []string{"A\r\nA", "BBBB"}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"steady": "steady\r\n", "d/saved": contents[0], "d/other": "x"})
	written := func(id ID) bool {
		return slices.ContainsFunc(contents, func(c string) bool { return BlobID(text.Canonical([]byte(c))) == id })
	}
	root := openRoot(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			content := contents[i%2]
			temp := filepath.Join(dir, "d", TempPrefix+"saved")
			if os.WriteFile(temp, []byte(content), 0o644) == nil {
				os.Rename(temp, filepath.Join(dir, "d", "saved"))
			}
		}
	})
	for range 200 {
		snap, err := Scan(ctx, root, ScanOptions{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Path{"steady", "d/saved", "d/other"} {
			e, present := snap.Tree.Lookup(p)
			switch {
			case present == snap.Unknown.Has(p):
				t.Fatalf("%s: present %v, unknown %v", p, present, !present)
			case p == "d/saved" && present && !written(e.ID):
				t.Fatalf("%s has content that nobody wrote", p)
			}
		}
	}
}
