//go:build linux || darwin

package manifest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestUnchangedRandom changes a directory again and again. What a scan finds with what
// is kept is each time what one without finds, also where a change followed the last
// look at once.
func TestUnchangedRandom(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			requireDates(t, dir)
			writeFiles(t, dir, skillFiles)
			e := editor{rand.New(rand.NewPCG(seed, 1)), dir}
			root, opts := openRoot(t, dir), ScanOptions{Ignore: []string{"*.tmp"}}
			var data []byte
			var log []string
			believed := 0
			for range 120 {
				data = keepNow(t, root, opts, data)
				for range e.rnd.IntN(3) {
					log = append(log, e.edit())
				}
				if e.rnd.IntN(8) == 0 {
					opts.Enclosing = []IgnoreFile{{Above: "skill", Data: []byte(e.oneOf("f0\n", "/skill/d0\n", ""))}}
				}
				if isKept(t, root, opts, data) {
					believed++
				}
				if wantPlain(t, root, opts, data); t.Failed() {
					t.Fatalf("after %q", log)
				}
			}
			if believed < 10 || believed > 110 {
				t.Errorf("%d of 120 looks were at what had not changed", believed)
			}
		})
	}
}

// editor makes changes of all kinds below a directory, in few names, so that they meet.
type editor struct {
	rnd *rand.Rand
	dir string
}

func (e editor) oneOf(list ...string) string { return list[e.rnd.IntN(len(list))] }

// name draws a file or directory, which need not be there.
func (e editor) name(last ...string) string {
	return filepath.Join(e.dir, e.oneOf(".", ".", "d0", "d1", "d0/d1", "d1/d0"), e.oneOf(last...))
}

// edit makes one change, or tries to, and says which.
func (e editor) edit() string {
	files, dirs := []string{"f0", "f1", "F0", "f.tmp"}, []string{"d0", "d1"}
	any := slices.Concat(files, dirs)
	at := time.Now().Add(-time.Hour)
	kind, from, to := e.rnd.IntN(16), e.name(any...), e.name(any...)
	switch kind {
	case 0, 1, 2:
		_ = os.WriteFile(e.name(files...), []byte(e.oneOf("one", "two", "three")), 0o644)
	case 3, 4:
		_ = os.MkdirAll(e.name(dirs...), 0o755)
	case 5:
		_ = os.RemoveAll(from)
	case 6, 7:
		_ = os.Rename(from, to)
	case 8:
		_ = os.Chtimes(from, at, at)
	case 9:
		_ = os.Chmod(from, os.FileMode(0o700+e.rnd.IntN(2)*0o50))
	case 10:
		_ = os.WriteFile(e.name(".gitignore", ".assetsyncignore"), []byte(e.oneOf("f0\n", "d1/\n", "!f.tmp\n")), 0o644)
	case 11:
		_ = os.Remove(e.name(".gitignore", ".assetsyncignore"))
	case 12: // in its place is a link to it, which does not stay for long
		_ = cmp.Or(os.Rename(from, from+".real"), os.Symlink(filepath.Base(from)+".real", from))
	case 13, 14:
		if info, err := os.Lstat(from); err == nil && info.Mode().Type() == os.ModeSymlink {
			_ = os.Remove(from)
		}
	case 15: // another file with the same bytes and times
		if info, err := os.Stat(from); err == nil && info.Mode().IsRegular() {
			data, _ := os.ReadFile(from)
			_ = cmp.Or(os.WriteFile(from+".new", data, 0o644), os.Chtimes(from+".new", info.ModTime(), info.ModTime()), os.Rename(from+".new", from))
		}
	}
	return fmt.Sprint(kind, " ", from, " ", to)
}

// FuzzUnchanged looks with anything that has the right sum.
func FuzzUnchanged(f *testing.F) {
	dir := f.TempDir()
	writeFiles(f, dir, skillFiles)
	root := openRoot(f, dir)
	opts := ScanOptions{Cache: NewCache(nil, "", later())}
	if _, err := Scan(f.Context(), root, opts); err != nil {
		f.Fatal(err)
	}
	whole, _ := opts.Cache.Bytes()
	head := len(cacheHead("")) + 1 + len(rulesPrint{})
	f.Add(whole[head : len(whole)-sha256.Size])
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append(slices.Clone(whole[:head]), body...)
		sum := sha256.Sum256(data)
		opts := ScanOptions{Cache: NewCache(append(data, sum[:]...), "", time.Time{})}
		if _, err := Scan(t.Context(), root, opts); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkScanKept scans what did not change: its files are kept, or all of it is as
// a whole.
func BenchmarkScanKept(b *testing.B) {
	for name, whole := range map[string]bool{"files": false, "whole": true} {
		b.Run(name, func(b *testing.B) {
			root, _ := manyFiles(b, "\n")
			c := NewCache(nil, "", later())
			if _, err := Scan(b.Context(), root, ScanOptions{Cache: c}); err != nil {
				b.Fatal(err)
			}
			if !whole {
				c.tree = nil
			}
			data, _ := c.Bytes()
			b.ReportAllocs()
			for b.Loop() {
				snap, err := Scan(b.Context(), root, ScanOptions{Cache: NewCache(data, "", later())})
				if err != nil || snap.Tree.Len() != 1000 {
					b.Fatalf("%d files, %v", snap.Tree.Len(), err)
				}
			}
		})
	}
}

// BenchmarkStatAt is what a file costs that did not change, at least.
func BenchmarkStatAt(b *testing.B) {
	dir := b.TempDir()
	writeFiles(b, dir, map[string]string{"file": ""})
	f, err := os.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for b.Loop() {
		if _, err := statAt(int(f.Fd()), "file"); err != nil {
			b.Fatal(err)
		}
	}
}
