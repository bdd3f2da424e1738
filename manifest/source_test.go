package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rootSource is a directory as a Source.
type rootSource struct {
	root *os.Root
	bad  map[string]error // by name, what is wrong with it
}

func (s rootSource) Lstat(_ context.Context, name string) (fs.FileMode, error) {
	info, err := s.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

func (s rootSource) ReadDir(_ context.Context, name string) ([]fs.DirEntry, error) {
	if err := s.bad[name]; err != nil {
		return nil, err
	}
	return fs.ReadDir(s.root.FS(), name)
}

func (s rootSource) Blob(ctx context.Context, name string) (ID, int64, error) {
	data, err := s.ReadFile(ctx, name)
	return BlobID(data), int64(len(data)), err
}

func (s rootSource) LF(ctx context.Context, name string) (ID, int64, error) {
	data, err := s.ReadFile(ctx, name)
	data = TextLF.Canonical(data)
	return BlobID(data), int64(len(data)), err
}

func (s rootSource) ReadFile(_ context.Context, name string) ([]byte, error) {
	if err := s.bad[name]; err != nil {
		return nil, err
	}
	if target, err := s.root.Readlink(name); err == nil {
		return []byte(target), nil
	}
	return s.root.ReadFile(name)
}

// A source has the outcome that the directory has, enclosing ignore files
// included.
func TestScanSourceFindsWhatScanFinds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	top := t.TempDir()
	writeFiles(t, top, map[string]string{
		".gitignore": "/skills/eks/drafts/\n*.log\n", "skills/.assetsyncignore": "!keep.log\n", "rules": "*.tmp\n",
		"skills/eks/SKILL.md": "s", "skills/eks/drafts/x": "", "skills/eks/a.log": "", "skills/eks/keep.log": "k", "skills/eks/a.tmp": "",
		"skills/eks/d/b.md": "b", "skills/eks/big": "123456", "skills/eks/Twin": "", "skills/eks/twin": "", "skills/eks/b\\c": "", "skills/eks/empty/": "",
	})
	for link, target := range map[string]string{
		"skills/.gitignore": "../rules", "skills/eks/l": "d", "skills/eks/f": "l/b.md", "skills/eks/out": "../../rules", "skills/eks/none": "gone",
		"skills/eks/round": "round", "skills/eks/up": "..", "skills/eks/.assetsyncignore": "gone", "short": "skills/eks",
	} {
		if err := os.Symlink(target, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, broken := range []bool{true, false} {
		if !broken {
			if err := os.Remove(filepath.Join(top, "skills/eks/.assetsyncignore")); err != nil {
				t.Fatal(err)
			}
		}
		for _, dir := range []string{".", "skills", "skills/eks", "short"} {
			t.Run(fmt.Sprintf("%s, broken ignore file %v", dir, broken), func(t *testing.T) {
				opts := ScanOptions{MaxFileSize: 5, Ignore: []string{"empty"}}
				got, err := ScanSource(t.Context(), rootSource{root: openRoot(t, top)}, dir, opts)
				if err != nil {
					t.Fatal(err)
				}
				if opts.Enclosing, err = EnclosingIgnore(filepath.Join(top, dir), top); err != nil {
					t.Fatal(err)
				}
				root := openRoot(t, filepath.Join(top, dir))
				want, err := Scan(t.Context(), root, opts)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(look(t, root, want), look(t, root, got)); d != "" {
					t.Errorf("-scan +source:\n%s", d)
				}
			})
		}
	}
}

func TestScanSourceFaults(t *testing.T) {
	top := t.TempDir()
	writeFiles(t, top, map[string]string{"a": "a", "b": "b", "d/x": "", "e/.gitignore": "", "e/x": ""})
	src := rootSource{openRoot(t, top), map[string]error{
		"b":            Fault("odd", "is odd", "make it even"),
		"d":            Fault(Unreadable, "is far away", ""),
		"e/.gitignore": errors.New("plain"),
	}}
	snap, err := ScanSource(t.Context(), src, ".", ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Problem{
		{"b", "odd", "is odd", "make it even"},
		{"d", Unreadable, "is far away", hint(Unreadable)},
		{"e/.gitignore", Unreadable, "plain", hint(Unreadable)},
	}
	if d := cmp.Diff(want, snap.Problems); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
	if snap.Tree.Len() != 1 || !snap.Unknown.Has("d/x") || !snap.Unknown.Has("e/x") || snap.Unknown.Has("a") {
		t.Errorf("%+v", snap)
	}
	for _, dir := range []string{"none", "a/b", "d/none/x"} {
		if _, err := ScanSource(t.Context(), src, dir, ScanOptions{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error %v", dir, err)
		}
		if _, err := ScanSourceFile(t.Context(), src, dir, "x", ScanOptions{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("file %s: error %v", dir, err)
		}
	}
	if _, err := ScanSource(t.Context(), src, "a", ScanOptions{}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file for a directory: error %v", err)
	}
}
