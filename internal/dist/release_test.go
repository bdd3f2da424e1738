package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const commitTime = "2026-11-26T17:57:11Z"

// sources makes a tree of sources with programs, changed at a time.
func sources(t *testing.T, changed time.Time, mode os.FileMode) string {
	t.Helper()
	top := t.TempDir()
	names := append([]string{"bin/assetsync-linux-arm64", "bin/assetsync-darwin-amd64", "bin/assetsync-windows-amd64.exe", "notes.txt"}, documents...)
	for _, name := range append(names, linuxFiles...) {
		at := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte("content of "+name+"\n"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(at, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

// makeRelease makes the archives of a tree, by the command line of make.
func makeRelease(t *testing.T, top string, platforms ...string) map[string][]byte {
	t.Helper()
	t.Chdir(top)
	args := append([]string{"-version", "v1.2.3", "-time", commitTime, "-bin", "bin", "-out", "dist"}, platforms...)
	if err := run(args); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	entries, err := os.ReadDir(filepath.Join(top, "dist"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if out[e.Name()], err = os.ReadFile(filepath.Join(top, "dist", e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestReproducible makes the archives of two trees that differ in all but
// content: place, times, modes, order of the command line.
func TestReproducible(t *testing.T) {
	one := makeRelease(t, sources(t, time.Now().Add(-time.Hour), 0o600), "linux/arm64", "darwin/amd64", "windows/amd64")
	t.Setenv("TZ", "Asia/Tokyo")
	other := makeRelease(t, sources(t, time.Now(), 0o755), "windows/amd64", "linux/arm64", "darwin/amd64")
	if len(one) != 4 {
		t.Errorf("%d files were made, want 4", len(one))
	}
	for name := range one {
		if !bytes.Equal(one[name], other[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// TestArchives reads the archives back.
func TestArchives(t *testing.T) {
	got := makeRelease(t, sources(t, time.Now(), 0o600), "linux/arm64", "darwin/amd64", "windows/amd64")
	// documentsOf are the lines of the documents in an archive.
	documentsOf := func(dir string) (lines []string) {
		for _, name := range documents {
			lines = append(lines, fmt.Sprintf("-rw-r--r-- %s/%s %s: content of %[2]s", dir, name, commitTime))
		}
		return lines
	}
	const linux, darwin = "assetsync-v1.2.3-linux-arm64", "assetsync-v1.2.3-darwin-amd64"
	docs := documentsOf(linux)
	want := append([]string{docs[0], docs[1], docs[2],
		"-rwxr-xr-x " + linux + "/assetsync " + commitTime + ": content of bin/assetsync-linux-arm64", docs[3]},
		"-rw-r--r-- "+linux+"/systemd/backoff.conf "+commitTime+": content of systemd/backoff.conf",
		"-rwxr-xr-x "+linux+"/systemd/install.sh "+commitTime+": content of systemd/install.sh",
		"-rw-r--r-- "+linux+"/systemd/system/assetsync@.service "+commitTime+": content of systemd/system/assetsync@.service",
		"-rw-r--r-- "+linux+"/systemd/sysusers.d/assetsync.conf "+commitTime+": content of systemd/sysusers.d/assetsync.conf",
		"-rw-r--r-- "+linux+"/systemd/user/assetsync@.service "+commitTime+": content of systemd/user/assetsync@.service",
		"-rw-r--r-- "+linux+"/systemd/user/no-userns.conf "+commitTime+": content of systemd/user/no-userns.conf")
	if d := cmp.Diff(want, listTar(t, got[linux+".tar.gz"])); d != "" {
		t.Errorf("archive for Linux (-want +got):\n%s", d)
	}
	docs = documentsOf(darwin)
	want = []string{docs[0], docs[1], docs[2], "-rwxr-xr-x " + darwin + "/assetsync " + commitTime + ": content of bin/assetsync-darwin-amd64", docs[3]}
	if d := cmp.Diff(want, listTar(t, got[darwin+".tar.gz"])); d != "" {
		t.Errorf("archive for macOS (-want +got):\n%s", d)
	}
	const windows = "assetsync-v1.2.3-windows-amd64"
	docs = documentsOf(windows)
	want = []string{docs[0], docs[1], docs[2], "-rwxr-xr-x " + windows + "/assetsync.exe " + commitTime + ": content of bin/assetsync-windows-amd64.exe", docs[3]}
	for i := range want {
		want[i] = strings.Replace(want[i], ":11Z", ":10Z", 1) // a zip counts two seconds at a time
	}
	if d := cmp.Diff(want, listZip(t, got[windows+".zip"])); d != "" {
		t.Errorf("archive for Windows (-want +got):\n%s", d)
	}
}

// TestSums holds the list to the archives, in the form that sha256sum -c reads.
func TestSums(t *testing.T) {
	got := makeRelease(t, sources(t, time.Now(), 0o644), "windows/amd64", "linux/arm64")
	want := ""
	for _, name := range []string{"assetsync-v1.2.3-linux-arm64.tar.gz", "assetsync-v1.2.3-windows-amd64.zip"} {
		want += fmt.Sprintf("%x  %s\n", sha256.Sum256(got[name]), name)
	}
	if d := cmp.Diff(want, string(got[sumsName])); d != "" {
		t.Errorf("%s (-want +got):\n%s", sumsName, d)
	}
}

// TestOldRelease replaces what an earlier run left.
func TestOldRelease(t *testing.T) {
	top := sources(t, time.Now(), 0o644)
	for _, name := range []string{"assetsync-v1.2.2-linux-arm64.tar.gz", "assetsync-v1.2.2-windows-arm64.zip", "mine.txt"} {
		if err := os.MkdirAll(filepath.Join(top, "dist"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, "dist", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := slices.Sorted(maps.Keys(makeRelease(t, top, "linux/arm64")))
	want := []string{sumsName, "assetsync-v1.2.3-linux-arm64.tar.gz", "mine.txt"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("dist/ (-want +got):\n%s", d)
	}
}

// TestRefused gives command lines that make nothing.
func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a version that is a path", []string{"-version", "v1/../..", "linux/arm64"}, `-version "v1/../.." is no version`},
		{"no version", []string{"linux/arm64"}, `-version "" is no version`},
		{"no platform", []string{"-version", "v1"}, "no platform is named"},
		{"half a platform", []string{"-version", "v1", "linux"}, `"linux" is no platform: want OS/ARCH`},
		{"a wrong time", []string{"-version", "v1", "-time", "today", "linux/arm64"}, "-time: parsing time"},
		{"no program", []string{"-version", "v1", "linux/riscv64"}, "archive for linux/riscv64: open"},
	}
	t.Chdir(sources(t, time.Now(), 0o644))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run(tt.args)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if _, err := os.Stat("dist"); err == nil {
				t.Error("something was made")
			}
		})
	}
}

func listTar(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if z.Name != "" || !z.ModTime.IsZero() {
		t.Errorf("the header of gzip names %q and %v", z.Name, z.ModTime)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "root" || h.Gname != "root" {
			t.Errorf("%s belongs to %d %s, %d %s", h.Name, h.Uid, h.Uname, h.Gid, h.Gname)
		}
		lines = append(lines, line(t, h.FileInfo().Mode(), h.Name, h.ModTime, r))
	}
}

func listZip(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line(t, f.Mode(), f.Name, f.Modified, r))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

func line(t *testing.T, mode os.FileMode, name string, at time.Time, r io.Reader) string {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %s: %s", mode, name, at.UTC().Format(time.RFC3339), bytes.TrimSpace(data))
}
