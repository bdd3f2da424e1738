package manifest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

// What every entry of a zip is written with: no time and no mode can make
// two zips of one tree differ.
const (
	zipDate        = 1<<5 | 1          // 1980-01-01, the first day that MS-DOS can say
	zipMode        = 0o100644 << 16    // where Unix modes lie in the external attributes
	zipCreator     = 3<<8 | zipVersion // made on Unix
	zipVersion     = 20                // 2.0: deflate
	zipUTF8        = 0x800             // flag: the name is UTF-8
	zipEncrypted   = 0x1 | 0x40 | 0x2000
	zipEndLen      = 22 // the end of central directory record without its comment
	zipEndMark     = "PK\x05\x06"
	zipCentralMark = "PK\x01\x02"
)

// How hard the compressor tries. With both, a zip of 6 MB is no larger than that of
// archive/zip, and takes no more CPU, on all cores; each is measured on 6 MB of text,
// and on real skills, which are small:
//
//	level   6 MB               skills of 725 KB in all
//	6       1.98 MB,  65 ms    388 KB,  8 ms
//	7       1.94 MB, 136 ms    381 KB, 12 ms
//	8       1.92 MB, 218 ms    380 KB, 13 ms
//	9       1.89 MB, 437 ms    379 KB, 18 ms
//	archive/zip 1.93 MB, 193 ms    381 KB, 17 ms
const (
	zipHard  = 8       // of the files of a bundle up to zipFirst
	zipFirst = 3 << 20 // half of what the service takes
	zipQuick = 7       // of those beyond, so that a large bundle is not waited for
)

const (
	// zipWorth is how many bytes make another core worth its compressor, which
	// takes 1 MB.
	zipWorth = 256 << 10

	// zipAhead is how many packed files each core may have waiting to be written.
	zipAhead = 4
)

// WriteZip writes b as a zip. The same bundle gives the same bytes as long
// as the compressor is the same release: entries in path order, one time and
// one mode for all, sizes before the data, no entries for directories. A file
// that deflate does not make smaller is stored. It fails only when w does. Files
// are packed on several cores, a few before they are written.
func WriteZip(w io.Writer, b Bundle) error {
	files, err := zipFiles(b)
	if err == nil {
		err = writeZipFiles(w, files, min(runtime.GOMAXPROCS(0), len(files), 1+int(b.Tree().Size()/zipWorth)))
	}
	if err != nil {
		return fmt.Errorf("write zip: %w", err)
	}
	return nil
}

// zipFiles returns what goes into the zip of a bundle, in order.
func zipFiles(b Bundle) ([]zipFile, error) {
	files := make([]zipFile, 0, b.Tree().Len())
	var size int64
	for e := range b.Tree().All() {
		data, ok := b.Content(e.Path)
		if !ok {
			return nil, fmt.Errorf("no content for %q", e.Path)
		}
		level := zipHard
		if size >= zipFirst {
			level = zipQuick
		}
		files = append(files, zipFile{path: e.Path, data: data, level: level, done: make(chan struct{})})
		size += e.Size
	}
	return files, nil
}

// writeZipFiles packs files on so many cores, and writes them in their order. All
// cores are done when it returns.
func writeZipFiles(w io.Writer, files []zipFile, cores int) (err error) {
	zw := zip.NewWriter(w)
	var packers sync.WaitGroup
	defer packers.Wait()
	room := make(chan struct{}, cores*zipAhead)
	var next atomic.Int64
	for range cores {
		packers.Go(func() {
			var p zipPacker
			for {
				room <- struct{}{} // before the next one is taken: what is written next is always at work
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					<-room
					return
				}
				p.pack(&files[i])
				close(files[i].done)
			}
		})
	}
	for i := range files {
		f := &files[i]
		<-f.done
		if err == nil { // else the rest is only waited for
			err = f.write(zw)
		}
		f.packed = nil
		<-room
	}
	if err != nil {
		return err
	}
	return zw.Close()
}

// zipFile is a file on its way into a zip.
type zipFile struct {
	path   Path
	data   []byte
	level  int
	done   chan struct{} // closed once the rest is set
	packed []byte        // deflated, or data where that is not smaller
	crc    uint32
	err    error
}

// zipPacker keeps the compressors of one core.
type zipPacker struct {
	deflate map[int]*flate.Writer // by level
	buffer  bytes.Buffer
}

// pack fills in what an entry is written with.
func (p *zipPacker) pack(f *zipFile) {
	p.buffer.Reset()
	f.crc = crc32.ChecksumIEEE(f.data)
	deflate := p.deflate[f.level]
	if deflate == nil {
		if deflate, f.err = flate.NewWriter(nil, f.level); f.err != nil {
			return
		}
		if p.deflate == nil {
			p.deflate = map[int]*flate.Writer{}
		}
		p.deflate[f.level] = deflate
	}
	deflate.Reset(&p.buffer)
	if _, f.err = deflate.Write(f.data); f.err != nil {
		return
	}
	if f.err = deflate.Close(); f.err != nil {
		return
	}
	if f.packed = f.data; p.buffer.Len() < len(f.data) {
		f.packed = bytes.Clone(p.buffer.Bytes())
	}
}

// write writes a packed entry.
func (f *zipFile) write(zw *zip.Writer) error {
	h := &zip.FileHeader{
		Name:           string(f.path),
		Method:         zip.Deflate,
		CreatorVersion: zipCreator,
		ReaderVersion:  zipVersion,
		//lint:ignore SA1019 CreateRaw writes this field and not Modified.
		ModifiedDate:       zipDate,
		ExternalAttrs:      zipMode,
		CRC32:              f.crc,
		UncompressedSize64: uint64(len(f.data)),
		CompressedSize64:   uint64(len(f.packed)),
	}
	if strings.ContainsFunc(h.Name, func(r rune) bool { return r >= 0x80 }) {
		h.Flags = zipUTF8
	}
	if len(f.packed) == len(f.data) {
		h.Method = zip.Store
	}
	err := f.err
	if err == nil {
		var w io.Writer
		if w, err = zw.CreateRaw(h); err == nil {
			_, err = w.Write(f.packed)
		}
	}
	if err != nil {
		return fmt.Errorf("entry %q: %w", f.path, err)
	}
	return nil
}

// ZipSize returns how many bytes [WriteZip] writes.
func ZipSize(b Bundle) (int64, error) {
	var n byteCount
	err := WriteZip(&n, b)
	return int64(n), err
}

// ZipBytes returns what [WriteZip] writes.
func ZipBytes(b Bundle) ([]byte, error) {
	var buf bytes.Buffer
	if err := WriteZip(&buf, b); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
