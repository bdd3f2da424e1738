package manifest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

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

// zipLevel is where this compressor stops being quick: on source text, 9
// takes four times as long as 6 and saves 3 %.
const zipLevel = 6

// WriteZip writes b as a zip. The same bundle gives the same bytes as long
// as the compressor is the same release: entries in path order, one time and
// one mode for all, sizes before the data, no entries for directories. A file
// that deflate does not make smaller is stored. It fails only when w does.
func WriteZip(w io.Writer, b Bundle) error {
	zw := zip.NewWriter(w)
	deflate, err := flate.NewWriter(nil, zipLevel)
	if err != nil {
		return fmt.Errorf("write zip: %w", err)
	}
	var packed bytes.Buffer
	for e := range b.Tree().All() {
		data, ok := b.Content(e.Path)
		if !ok {
			return fmt.Errorf("write zip: no content for %q", e.Path)
		}
		if err := writeZipEntry(zw, deflate, &packed, e.Path, data); err != nil {
			return fmt.Errorf("write zip entry %q: %w", e.Path, err)
		}
	}
	if err := zw.Close(); err != nil {
		return fmt.Errorf("write zip: %w", err)
	}
	return nil
}

func writeZipEntry(zw *zip.Writer, deflate *flate.Writer, packed *bytes.Buffer, p Path, data []byte) error {
	packed.Reset()
	deflate.Reset(packed)
	if _, err := deflate.Write(data); err != nil {
		return err
	}
	if err := deflate.Close(); err != nil {
		return err
	}
	h := &zip.FileHeader{
		Name:           string(p),
		Method:         zip.Deflate,
		CreatorVersion: zipCreator,
		ReaderVersion:  zipVersion,
		//lint:ignore SA1019 CreateRaw writes this field and not Modified.
		ModifiedDate:       zipDate,
		ExternalAttrs:      zipMode,
		CRC32:              crc32.ChecksumIEEE(data),
		UncompressedSize64: uint64(len(data)),
	}
	if strings.ContainsFunc(h.Name, func(r rune) bool { return r >= 0x80 }) {
		h.Flags = zipUTF8
	}
	body := packed.Bytes()
	if len(body) >= len(data) {
		h.Method, body = zip.Store, data
	}
	h.CompressedSize64 = uint64(len(body))
	w, err := zw.CreateRaw(h)
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
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
