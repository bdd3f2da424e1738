package manifest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newBundle(t testing.TB, files map[Path]string) Bundle {
	t.Helper()
	content := make(map[Path][]byte, len(files))
	for p, data := range files {
		content[p] = []byte(data)
	}
	b, err := NewBundle(content)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipBytes(t testing.TB, b Bundle) []byte {
	t.Helper()
	data, err := ZipBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWriteZipHeaders(t *testing.T) {
	data := zipBytes(t, newBundle(t, map[Path]string{
		"z.md": strings.Repeat("text ", 100), "a/b.md": "short", "empty": "", "\u00fc.md": "u",
	}))
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.File {
		got = append(got, fmt.Sprintf("%s method=%d flags=%#x time=%d date=%d mode=%v extra=%d", f.Name, f.Method, f.Flags, f.ModifiedTime, f.ModifiedDate, f.Mode(), len(f.Extra)))
		if year, month, day := f.Modified.Date(); year != 1980 || month != 1 || day != 1 {
			t.Errorf("%s: time %v, want 1980-01-01", f.Name, f.Modified)
		}
	}
	want := []string{
		"a/b.md method=0 flags=0x0 time=0 date=33 mode=-rw-r--r-- extra=0",
		"empty method=0 flags=0x0 time=0 date=33 mode=-rw-r--r-- extra=0",
		"z.md method=8 flags=0x0 time=0 date=33 mode=-rw-r--r-- extra=0",
		"\u00fc.md method=0 flags=0x800 time=0 date=33 mode=-rw-r--r-- extra=0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestZipOnCores packs more than is packed hard on any number of cores: the bytes
// are the same, and no more than those of archive/zip.
func TestZipOnCores(t *testing.T) {
	files := map[Path]string{"a.md": "", "b.md": "x", "z.bin": string(noise(100_000))}
	text := words(rand.New(rand.NewPCG(1, 1)), 4<<20)
	for i := range 80 {
		files[Path(fmt.Sprintf("references/%02d.md", i))] = text[i*len(text)/80 : (i+1)*len(text)/80]
	}
	bundle := newBundle(t, files)
	want := zipBytes(t, bundle)
	for _, cores := range []int{1, 2, 3, 16} {
		entries, err := zipFiles(bundle)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := writeZipFiles(&got, entries, cores); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d cores: %d other bytes than the %d, %v", cores, got.Len(), len(want), err)
		}
		if entries, err = zipFiles(bundle); err != nil {
			t.Fatal(err)
		}
		if err := writeZipFiles(failWriter{}, entries, cores); !errors.Is(err, errFull) {
			t.Errorf("%d cores to a full disk: %v", cores, err)
		}
	}
	if got, err := ReadZip(want, ZipLimits{}); err != nil || !got.Tree().Equal(bundle.Tree()) {
		t.Errorf("read back: %v", err)
	}
	var standard bytes.Buffer
	if err := writeStandardZip(&standard, bundle, zipStandard); err != nil {
		t.Fatal(err)
	}
	if len(want) > standard.Len() {
		t.Errorf("%d bytes, and archive/zip makes %d", len(want), standard.Len())
	}
}

// zipStandard is the level that archive/zip packs with.
const zipStandard = 5

func noise(n int) []byte {
	data := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(data)
	return data
}

func TestZipRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bundleGen().Draw(t, "bundle")
		first, err := ZipBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadZip(first, ZipLimits{})
		if err != nil {
			t.Fatal(err)
		}
		if !got.Tree().Equal(b.Tree()) {
			t.Fatalf("tree changed on its way: %s, want %s", got.Tree().ID(), b.Tree().ID())
		}
		second, err := ZipBytes(got)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("the same bundle gave another zip (error %v)", err)
		}
	})
}

// TestReadZipOfOthers reads what the tools of others write.
func TestReadZipOfOthers(t *testing.T) {
	// Made by another library: flags and modes that ours does not write.
	const sample = "UEsDBBQAAAAIAAAAIQDE/IQNWgAAAGMAAAAIAAAAU0tJTEwubWQNzMERhCAQBMA/UUzVvdcAjOF+RrDCnFAgywGW6WsH0CLiqp5c8b94UQLbjOIjfXaBw/fUZrK64muWoRO7+lzsgB7EHVlxW8/sAz8tBTtjqmFx8rYfbJNtuAdQSwMEFAAAAAgAAAAhANOB4JgLAAAACQAAABQAAAByZWZlcmVuY2VzL2xpbWl0cy5tZFNW8MnMzSwp5gIAUEsBAhQDFAAAAAgAAAAhAMT8hA1aAAAAYwAAAAgAAAAAAAAAAAAAAIABAAAAAFNLSUxMLm1kUEsBAhQDFAAAAAgAAAAhANOB4JgLAAAACQAAABQAAAAAAAAAAAAAAIABgAAAAHJlZmVyZW5jZXMvbGltaXRzLm1kUEsFBgAAAAACAAIAeAAAAL0AAAAAAA=="
	data, err := base64.StdEncoding.DecodeString(sample)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadZip(data, ZipLimits{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := b.Content("references/limits.md"); string(got) != "# Limits\n" || b.Tree().Len() != 2 {
		t.Errorf("limits.md = %q in a tree of %d files", got, b.Tree().Len())
	}
	t.Run("streamed with data descriptors", func(t *testing.T) {
		data := rawZip(t, func(zw *zip.Writer) {
			w, _ := zw.Create("a/b.md")
			io.WriteString(w, strings.Repeat("x", 1000))
		})
		if b, err := ReadZip(data, ZipLimits{}); err != nil || b.Tree().Len() != 1 {
			t.Errorf("ReadZip = %d files, %v", b.Tree().Len(), err)
		}
	})
	for _, tool := range [][]string{{"zip", "-qr", "out.zip", "."}, {"python3", "-m", "zipfile", "-c", "out.zip", "./"}} {
		t.Run(tool[0], func(t *testing.T) {
			if _, err := exec.LookPath(tool[0]); err != nil {
				t.Skip(err)
			}
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"SKILL.md": "s", "a/b/c.md": strings.Repeat("c", 100), "empty/": ""})
			cmd := exec.CommandContext(t.Context(), tool[0], tool[1:]...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			data, err := os.ReadFile(filepath.Join(dir, "out.zip"))
			if err != nil {
				t.Fatal(err)
			}
			b, err := ReadZip(data, ZipLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := b.Content("a/b/c.md"); !ok {
				t.Errorf("a/b/c.md is missing in %v", b.Files())
			}
		})
	}
}

// rawZip lets write make a zip by the standard library.
func rawZip(t testing.TB, write func(*zip.Writer)) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	write(zw)
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// entry is one stored entry; change may spoil its header.
type entry struct {
	name, content string
	change        func(*zip.FileHeader)
}

func storedZip(t testing.TB, entries ...entry) []byte {
	return rawZip(t, func(zw *zip.Writer) {
		for _, e := range entries {
			h := &zip.FileHeader{
				Name: e.name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(e.content)),
				CompressedSize64: uint64(len(e.content)), UncompressedSize64: uint64(len(e.content)),
			}
			if e.change != nil {
				e.change(h)
			}
			w, err := zw.CreateRaw(h)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, e.content)
		}
	})
}

func TestReadZipRefuses(t *testing.T) {
	deflated := func(h *zip.FileHeader) { h.Method = zip.Deflate }
	good := storedZip(t, entry{name: "SKILL.md", content: "hello"})
	bomb := zipBytes(t, newBundle(t, map[Path]string{"a": strings.Repeat("\x00", 1<<20)}))
	tests := []struct {
		name   string
		data   []byte
		limits ZipLimits
		want   string
	}{
		{"nothing", nil, ZipLimits{}, "read zip: is not a valid zip: zip: not a valid zip file"},
		{"text", []byte("not a zip, however long it may be"), ZipLimits{}, "read zip: is not a valid zip: zip: not a valid zip file"},
		{"cut off", good[:len(good)-1], ZipLimits{}, "read zip: is not a valid zip: zip: not a valid zip file"},
		{"bytes behind the end", append(bytes.Clone(good), "junk"...), ZipLimits{}, "read zip: is followed by other bytes"},
		{"absolute", storedZip(t, entry{name: "/etc/passwd"}), ZipLimits{}, `read zip entry "/etc/passwd": is absolute`},
		{"dot dot", storedZip(t, entry{name: "a/../../b"}), ZipLimits{}, `read zip entry "a/../../b": has a ".." segment`},
		{"dot dot in a directory", storedZip(t, entry{name: "../"}), ZipLimits{}, `read zip entry "../": has a ".." segment`},
		{"backslash", storedZip(t, entry{name: `a\b`}), ZipLimits{}, `read zip entry "a\\b": contains a backslash`},
		{"drive letter", storedZip(t, entry{name: "C:/a"}), ZipLimits{}, `read zip entry "C:/a": begins with a drive letter`},
		{"drive without slash", storedZip(t, entry{name: "c:a"}), ZipLimits{}, `read zip entry "c:a": begins with a drive letter`},
		{"empty name", storedZip(t, entry{name: ""}), ZipLimits{}, "read zip: has an empty name"},
		{"only a dot", storedZip(t, entry{name: "."}), ZipLimits{}, `read zip entry ".": is empty`},
		{"long name", storedZip(t, entry{name: strings.Repeat("a/", 2048) + "a"}), ZipLimits{}, `read zip entry "` + strings.Repeat("a/", 2048) + `a": has a name longer than 4096 bytes`},
		{"NUL in a name", storedZip(t, entry{name: "a\x00b"}), ZipLimits{}, `read zip entry "a\x00b": contains a control character`},
		{"not UTF-8", storedZip(t, entry{name: "a\xffb"}), ZipLimits{}, `read zip entry "a\xffb": has a name that is not valid UTF-8`},
		{"device", storedZip(t, entry{name: "a/NUL"}), ZipLimits{}, `read zip entry "a/NUL": has a segment that names a device on Windows`},
		{"device with an extension", storedZip(t, entry{name: "com1.tar.gz"}), ZipLimits{}, `read zip entry "com1.tar.gz": has a segment that names a device on Windows`},
		{"device as a directory", storedZip(t, entry{name: "aux /b"}), ZipLimits{}, `read zip entry "aux /b": has a segment that names a device on Windows`},
		{"device with a small digit", storedZip(t, entry{name: "LPT\u00b2"}), ZipLimits{}, "read zip entry \"LPT\u00b2\": has a segment that names a device on Windows"},
		{"twice", storedZip(t, entry{name: "a"}, entry{name: "a"}), ZipLimits{}, `read zip entry "a": occurs twice`},
		{"twice when cleaned", storedZip(t, entry{name: "a/b"}, entry{name: "./a//b"}), ZipLimits{}, `read zip entry "./a//b": occurs twice`},
		{"file, then below it", storedZip(t, entry{name: "a"}, entry{name: "a/b"}), ZipLimits{}, `read zip entry "a": is a file, and a directory because of "a/b"`},
		{"below it, then file", storedZip(t, entry{name: "a/b/c"}, entry{name: "a"}), ZipLimits{}, `read zip entry "a": is a file, and a directory because of "a/b/c"`},
		{"directory, then file", storedZip(t, entry{name: "a/"}, entry{name: "a"}), ZipLimits{}, `read zip entry "a": occurs twice`},
		{"file, then directory", storedZip(t, entry{name: "a"}, entry{name: "a/"}), ZipLimits{}, `read zip entry "a/": occurs twice`},
		{"directory with content", storedZip(t, entry{name: "a/", content: "x"}), ZipLimits{}, `read zip entry "a/": is a directory with content`},
		{"symbolic link", storedZip(t, entry{"a", "b", func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }}), ZipLimits{}, `read zip entry "a": has mode Lrwxrwxrwx and is no regular file`},
		{"named pipe", storedZip(t, entry{"a", "", func(h *zip.FileHeader) { h.SetMode(fs.ModeNamedPipe) }}), ZipLimits{}, `read zip entry "a": has mode p--------- and is no regular file`},
		{"directory without a slash", storedZip(t, entry{"a", "", func(h *zip.FileHeader) { h.SetMode(fs.ModeDir | 0o755) }}), ZipLimits{}, `read zip entry "a": has mode drwxr-xr-x and is no regular file`},
		{"encrypted", storedZip(t, entry{"a", "b", func(h *zip.FileHeader) { h.Flags |= 1 }}), ZipLimits{}, `read zip entry "a": is encrypted`},
		{"unknown method", storedZip(t, entry{"a", "b", func(h *zip.FileHeader) { h.Method = 93 }}), ZipLimits{}, `read zip entry "a": is packed by the unknown method 93`},
		{"wrong checksum", storedZip(t, entry{"a", "b", func(h *zip.FileHeader) { h.CRC32++ }}), ZipLimits{}, `read zip entry "a": is damaged: zip: checksum error`},
		{"no checksum", storedZip(t, entry{"a", "b", func(h *zip.FileHeader) { h.CRC32 = 0 }}), ZipLimits{}, `read zip entry "a": is damaged: zip: checksum error`},
		{"size too small", storedZip(t, entry{"a", "bc", func(h *zip.FileHeader) { h.UncompressedSize64 = 1 }}), ZipLimits{}, `read zip entry "a": unpacks to 2 bytes, its header says 1`},
		{"size too large", storedZip(t, entry{"a", "bc", func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 40 }}), ZipLimits{}, `read zip entry "a": unpacks to 2 bytes, its header says 1099511627776`},
		{"packed size too large", storedZip(t, entry{"a", "bc", func(h *zip.FileHeader) { h.CompressedSize64 = 1 << 40 }}), ZipLimits{}, `read zip entry "a": ends behind the end of the zip`},
		{"bad deflate", storedZip(t, entry{"a", "\xff\xff\xff", deflated}), ZipLimits{}, `read zip entry "a": cannot be unpacked: flate: corrupt input before offset 1`},
		{"deflate cut off", storedZip(t, entry{"a", "", deflated}), ZipLimits{}, `read zip entry "a": cannot be unpacked: unexpected EOF`},
		{"bytes after deflate", storedZip(t, entry{"a", "\x03\x00junk", func(h *zip.FileHeader) { deflated(h); h.UncompressedSize64, h.CRC32 = 0, 0 }}), ZipLimits{}, `read zip entry "a": has 4 packed bytes after its end`},
		{"entries", storedZip(t, entry{name: "a"}, entry{name: "b"}, entry{name: "c/"}), ZipLimits{Entries: 2}, "read zip: holds more than 2 entries"},
		{"unpacked", bomb, ZipLimits{Unpacked: 1<<20 - 1}, `read zip entry "a": makes the unpacked files larger than 1048575 bytes`},
		{"unpacked, all files together", storedZip(t, entry{name: "a", content: "12"}, entry{name: "b", content: "34"}), ZipLimits{Unpacked: 3}, `read zip entry "b": makes the unpacked files larger than 3 bytes`},
		{"overlap", overlapping(t), ZipLimits{}, `read zip entry "b": overlaps another entry`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadZip(tt.data, tt.limits)
			var refused *ZipError
			if err == nil || err.Error() != tt.want || !errors.As(err, &refused) {
				t.Errorf("ReadZip: %v (%T)\nwant: %s", err, err, tt.want)
			}
		})
	}
}

// overlapping is a zip whose second entry points at the data of the first.
func overlapping(t *testing.T) []byte {
	data := storedZip(t, entry{name: "a", content: "xy"}, entry{name: "b", content: "xy"})
	second := bytes.LastIndex(data, []byte(zipCentralMark))
	binary.LittleEndian.PutUint32(data[second+42:], 0) // offset of the local header
	return data
}

func TestReadZipTakes(t *testing.T) {
	data := storedZip(t,
		entry{name: "./"}, entry{name: "a/"}, entry{name: "a/"}, entry{name: "./a//b", content: "b"}, entry{name: "console.md", content: "c"},
		entry{"x.sh", "x", func(h *zip.FileHeader) { h.SetMode(0o4755) }}, entry{name: "com10", content: "10"},
	)
	b, err := ReadZip(data, ZipLimits{Entries: 7, Unpacked: 5})
	if err != nil {
		t.Fatal(err)
	}
	want := map[Path][]byte{"a/b": []byte("b"), "console.md": []byte("c"), "x.sh": []byte("x"), "com10": []byte("10")}
	if diff := cmp.Diff(want, b.Files()); diff != "" {
		t.Errorf("ReadZip (-want +got):\n%s", diff)
	}
	if b, err := ReadZip(storedZip(t), ZipLimits{}); err != nil || b.Tree().Len() != 0 {
		t.Errorf("ReadZip of an empty zip = %d files, %v", b.Tree().Len(), err)
	}
}

// TestReadZipMemory measures what a central directory of a million entries
// and a lie about sizes cost before they are refused.
func TestReadZipMemory(t *testing.T) {
	header := make([]byte, 46)
	copy(header, zipCentralMark)
	directory := bytes.Repeat(header, 1_000_000)
	end := make([]byte, zipEndLen)
	copy(end, zipEndMark)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(directory)))
	lie := storedZip(t, entry{"a", "bc", func(h *zip.FileHeader) { h.Method, h.UncompressedSize64 = zip.Deflate, 200<<20 }})
	for name, data := range map[string][]byte{"entries": append(directory, end...), "size": lie} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := ReadZip(data, ZipLimits{}); err == nil {
				t.Fatal("ReadZip takes it")
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
				t.Errorf("refusing allocates %d bytes, want at most 1 MiB", got)
			}
		})
	}
}
