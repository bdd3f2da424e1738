package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// firstZipTime is the earliest time that a zip can hold.
var firstZipTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// sumsName is the list of checksums, in the form of sha256sum.
const sumsName = "SHA256SUMS"

// documents are in every archive.
var documents = []string{"CHANGELOG.md", "LICENSE", "README.md", "config.example.yaml"}

// linuxFiles are in those for Linux as well: what make install takes.
var linuxFiles = []string{
	"systemd/backoff.conf",
	"systemd/install.sh",
	"systemd/system/assetsync@.service",
	"systemd/sysusers.d/assetsync.conf",
	"systemd/user/assetsync@.service",
	"systemd/user/no-userns.conf",
}

// release is what is to be made.
type release struct {
	top       string // of the sources
	bin, out  string
	version   string
	time      time.Time
	platforms []platform
}

type platform struct{ os, arch string }

// program is the name of the program on it.
func (p platform) program() string {
	if p.os == "windows" {
		return "assetsync.exe"
	}
	return "assetsync"
}

// file is one of an archive.
type file struct {
	name string // below the archive's directory
	mode os.FileMode
	data []byte
}

// write writes all archives, or none when one cannot be made.
func (r release) write() error {
	if len(r.platforms) == 0 {
		return errors.New("no platform is named")
	}
	archives := map[string][]byte{}
	for _, p := range r.platforms {
		name, data, err := r.archive(p)
		if err != nil {
			return fmt.Errorf("archive for %s/%s: %w", p.os, p.arch, err)
		}
		archives[name] = data
	}
	if err := r.clear(); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(archives)) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archives[name]), name)
		if err := os.WriteFile(filepath.Join(r.out, name), archives[name], 0o644); err != nil {
			return err
		}
	}
	// The list comes last: where it is, so is what it lists.
	return os.WriteFile(filepath.Join(r.out, sumsName), sums.Bytes(), 0o644)
}

// clear makes the directory of the archives, without those of another
// release: all that is in it is published.
func (r release) clear() error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, pattern := range []string{sumsName, "assetsync-*.tar.gz", "assetsync-*.zip"} {
		old, err := filepath.Glob(filepath.Join(r.out, pattern))
		if err != nil {
			return err
		}
		for _, name := range old {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// archive returns the name and the bytes of a platform's archive.
func (r release) archive(p platform) (string, []byte, error) {
	files, err := r.files(p)
	if err != nil {
		return "", nil, err
	}
	dir := fmt.Sprintf("assetsync-%s-%s-%s", r.version, p.os, p.arch)
	name, write := dir+".tar.gz", writeTar
	if p.os == "windows" {
		name, write = dir+".zip", writeZip
	}
	var b bytes.Buffer
	err = write(&b, dir, r.time, files)
	return name, b.Bytes(), err
}

// files reads what goes into an archive, in its order.
func (r release) files(p platform) ([]file, error) {
	built := fmt.Sprintf("assetsync-%s-%s%s", p.os, p.arch, strings.TrimPrefix(p.program(), "assetsync"))
	data, err := os.ReadFile(filepath.Join(r.bin, built))
	if err != nil {
		return nil, err
	}
	files := []file{{p.program(), 0o755, data}}
	names := documents
	if p.os == "linux" {
		names = append(slices.Clone(names), linuxFiles...)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(r.top, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		mode := os.FileMode(0o644)
		if path.Ext(name) == ".sh" {
			mode = 0o755
		}
		files = append(files, file{name, mode, data})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// writeTar writes a compressed tar archive. The header of gzip has neither
// name nor time.
func writeTar(w io.Writer, dir string, at time.Time, files []file) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		err := t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: dir + "/" + f.name, Size: int64(len(f.data)), Mode: int64(f.mode),
			ModTime: at.Truncate(time.Second), Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
		})
		if err == nil {
			_, err = t.Write(f.data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// writeZip writes a zip archive.
func writeZip(w io.Writer, dir string, at time.Time, files []file) error {
	if at.Before(firstZipTime) {
		at = firstZipTime
	}
	z := zip.NewWriter(w)
	for _, f := range files {
		h := &zip.FileHeader{Name: dir + "/" + f.name, Method: zip.Deflate, Modified: at.UTC().Truncate(2 * time.Second)}
		h.SetMode(f.mode)
		part, err := z.CreateHeader(h)
		if err == nil {
			_, err = part.Write(f.data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return z.Close()
}
