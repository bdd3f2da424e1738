package manifest

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

// ZipLimits bound what [ReadZip] takes. The zero value is the default, and so
// is a field that is not positive.
type ZipLimits struct {
	Entries  int   // directories included; by default 10,000
	Unpacked int64 // bytes of all files together; by default 256 MiB
}

// The defaults are far above what the service holds in a zip (100 files in a
// skill, 6 MiB packed), since what it answers with may be rebuilt and other
// types of assets have no stated count, and far below what hurts: 10,000
// entries cost some megabytes of headers, and 256 MiB is 42 times the largest
// zip, where text deflates to a tenth or so and a bomb to a thousandth.
const (
	defaultZipEntries  = 10_000
	defaultZipUnpacked = 256 << 20
)

// maxDeflateRatio bounds what deflate can make of one byte: a match of 258
// bytes in two bits.
const maxDeflateRatio = 1032

// ZipError says why a zip is refused.
type ZipError struct {
	Entry  string // the entry's name as it stands there; empty for the archive as a whole
	Reason string
	Err    error // the cause, if there is one below
}

func (e *ZipError) Error() string {
	var b strings.Builder
	b.WriteString("read zip")
	if e.Entry != "" {
		fmt.Fprintf(&b, " entry %q", e.Entry)
	}
	b.WriteString(": " + e.Reason)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *ZipError) Unwrap() error { return e.Err }

// ReadZip reads a zip in which every entry is a regular file, stored or
// deflated, under a [Path] of its own; entries for directories are passed
// over, and "./a" and "a//b" are read as "a" and "a/b". Anything else makes
// it refuse the whole with a *[ZipError]. Sizes are counted while inflating,
// never believed. It does not keep data.
func ReadZip(data []byte, limits ZipLimits) (Bundle, error) {
	r := &zipReader{
		data:    data,
		entries: cmp.Or(max(limits.Entries, 0), defaultZipEntries),
		limit:   min(cmp.Or(max(limits.Unpacked, 0), defaultZipUnpacked), math.MaxInt64-1),
		files:   make(map[Path][]byte),
	}
	r.left = r.limit
	if err := r.read(); err != nil {
		return Bundle{}, err
	}
	b, err := NewBundle(r.files)
	if err != nil {
		return Bundle{}, &ZipError{Reason: "is no tree", Err: err}
	}
	return b, nil
}

type zipReader struct {
	data    []byte
	entries int   // that may come
	limit   int64 // unpacked bytes that may come
	left    int64 // of these, not yet seen
	files   map[Path][]byte
	inflate io.ReadCloser
}

func (r *zipReader) read() error {
	tooMany := &ZipError{Reason: fmt.Sprintf("holds more than %d entries", r.entries)}
	// Each entry costs the package below some hundred bytes before it can be
	// asked how many there are. Stored content may hold the mark too: twice.
	if bytes.Count(r.data, []byte(zipCentralMark)) > 2*r.entries {
		return tooMany
	}
	archive, err := zip.NewReader(bytes.NewReader(r.data), int64(len(r.data)))
	switch {
	case err != nil && !errors.Is(err, zip.ErrInsecurePath): // paths are checked below
		return &ZipError{Reason: "is not a valid zip", Err: err}
	case len(archive.File) > r.entries:
		return tooMany
	}
	if end := len(r.data) - zipEndLen - len(archive.Comment); end < 0 || !bytes.HasPrefix(r.data[end:], []byte(zipEndMark)) {
		return &ZipError{Reason: "is followed by other bytes"}
	}
	if err := checkOverlap(archive.File); err != nil {
		return err
	}
	entries, err := checkNames(archive.File)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.isDir {
			continue
		}
		if r.files[e.path], err = r.unpack(e.file); err != nil {
			return err
		}
	}
	return nil
}

// checkOverlap refuses entries that share packed bytes, as only bombs do.
func checkOverlap(files []*zip.File) error {
	type span struct {
		at, end uint64
		name    string
	}
	spans := make([]span, 0, len(files))
	for _, f := range files {
		at, err := f.DataOffset()
		if err != nil {
			return &ZipError{Entry: f.Name, Reason: "has no valid header", Err: err}
		}
		spans = append(spans, span{uint64(at), uint64(at) + f.CompressedSize64, f.Name})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.end, b.end)) })
	for i, s := range spans {
		if s.end < s.at || i > 0 && s.at < spans[i-1].end {
			return &ZipError{Entry: s.name, Reason: "overlaps another entry"}
		}
	}
	return nil
}

// zipEntry is an entry with the path that its name stands for, "" for the
// root.
type zipEntry struct {
	path  Path
	isDir bool
	file  *zip.File
}

// checkNames refuses entries that are not plain files or directories, and
// any two that cannot be side by side in a tree. It returns them in path
// order.
func checkNames(files []*zip.File) ([]zipEntry, error) {
	entries := make([]zipEntry, 0, len(files))
	for _, f := range files {
		e, reason := newZipEntry(f)
		if reason != "" {
			return nil, &ZipError{Entry: f.Name, Reason: reason}
		}
		entries = append(entries, e)
	}
	byPath := func(e zipEntry, p Path) int { return strings.Compare(string(e.path), string(p)) }
	slices.SortStableFunc(entries, func(a, b zipEntry) int { return byPath(a, b.path) })
	for i, e := range entries {
		if i > 0 && e.path == entries[i-1].path && !(e.isDir && entries[i-1].isDir) {
			return nil, &ZipError{Entry: e.file.Name, Reason: "occurs twice"}
		}
		below, _ := slices.BinarySearchFunc(entries, e.path+"/", byPath)
		if !e.isDir && below < len(entries) && entries[below].path.Under(e.path) {
			return nil, &ZipError{Entry: e.file.Name, Reason: fmt.Sprintf("is a file, and a directory because of %q", entries[below].file.Name)}
		}
	}
	return entries, nil
}

func newZipEntry(f *zip.File) (e zipEntry, reason string) {
	e = zipEntry{isDir: strings.HasSuffix(f.Name, "/"), file: f}
	e.path, reason = zipPath(f.Name)
	switch {
	case reason != "":
		return e, reason
	case f.Flags&zipEncrypted != 0:
		return e, "is encrypted"
	case f.Mode().IsDir() != e.isDir || !e.isDir && !f.Mode().IsRegular():
		return e, fmt.Sprintf("has mode %v and is no regular file", f.Mode())
	case e.isDir && f.UncompressedSize64 > 0:
		return e, "is a directory with content"
	}
	return e, ""
}

// zipPath returns the path that the name of an entry stands for, "" for the
// root, or why it is refused.
func zipPath(name string) (p Path, reason string) {
	switch {
	case name == "":
		return "", "has an empty name"
	case len(name) > maxPathLen:
		return "", fmt.Sprintf("has a name longer than %d bytes", maxPathLen)
	case !utf8.ValidString(name):
		return "", "has a name that is not valid UTF-8"
	case slices.Contains(strings.Split(name, "/"), ".."):
		return "", `has a ".." segment`
	case len(name) > 1 && name[1] == ':' && isLetter(name[0]):
		return "", "begins with a drive letter"
	case slices.ContainsFunc(strings.Split(name, "/"), isDeviceName):
		return "", "has a segment that names a device on Windows"
	}
	clean := path.Clean(name)
	if clean == "." && strings.HasSuffix(name, "/") {
		return "", ""
	}
	return Path(clean), pathFault(clean)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isDeviceName reports whether Windows opens a device instead of a file of
// this name, whatever its extension.
func isDeviceName(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base, _, _ = strings.Cut(base, ":")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	number, isPort := strings.CutPrefix(base, "COM")
	if !isPort {
		number, isPort = strings.CutPrefix(base, "LPT")
	}
	return isPort && utf8.RuneCountInString(number) == 1 && strings.Contains("0123456789¹²³", number)
}

// unpack returns the content of f, once its size and checksum are proven.
func (r *zipReader) unpack(f *zip.File) ([]byte, error) {
	refuse := func(reason string, err error) ([]byte, error) { return nil, &ZipError{f.Name, reason, err} }
	at, err := f.DataOffset()
	if err != nil {
		return refuse("has no valid header", err)
	}
	if at > int64(len(r.data)) || f.CompressedSize64 > uint64(int64(len(r.data))-at) {
		return refuse("ends behind the end of the zip", nil)
	}
	packed := bytes.NewReader(r.data[at : at+int64(f.CompressedSize64)])
	from, most := io.Reader(packed), f.CompressedSize64
	switch f.Method {
	case zip.Store:
	case zip.Deflate:
		from, most = r.inflater(packed), most*maxDeflateRatio
	default:
		return refuse(fmt.Sprintf("is packed by the unknown method %d", f.Method), nil)
	}
	// What the header promises, as far as it is possible, so that one
	// allocation is enough for honest zips and a lie costs no memory.
	size := min(f.UncompressedSize64, most, uint64(r.left))
	content := bytes.NewBuffer(make([]byte, 0, int(size)+bytes.MinRead))
	n, err := content.ReadFrom(io.LimitReader(from, r.left+1))
	switch {
	case err != nil:
		return refuse("cannot be unpacked", err)
	case n > r.left:
		return refuse(fmt.Sprintf("makes the unpacked files larger than %d bytes", r.limit), nil)
	case uint64(n) != f.UncompressedSize64:
		return refuse(fmt.Sprintf("unpacks to %d bytes, its header says %d", n, f.UncompressedSize64), nil)
	case packed.Len() > 0:
		return refuse(fmt.Sprintf("has %d packed bytes after its end", packed.Len()), nil)
	case crc32.ChecksumIEEE(content.Bytes()) != f.CRC32:
		return refuse("is damaged", zip.ErrChecksum)
	}
	r.left -= n
	return content.Bytes(), nil
}

func (r *zipReader) inflater(packed io.Reader) io.Reader {
	if r.inflate == nil {
		r.inflate = flate.NewReader(packed)
	} else {
		// Reset of flate's own reader never fails.
		_ = r.inflate.(flate.Resetter).Reset(packed, nil)
	}
	return r.inflate
}
