package manifest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// textCases are contents and their LF form.
var textCases = []struct{ name, content, want string }{
	{"empty", "", ""},
	{"LF", "a\nb\n", "a\nb\n"},
	{"CRLF", "a\r\nb\r\n", "a\nb\n"},
	{"mixed", "a\r\nb\nc\r\n\r\n\n", "a\nb\nc\n\n\n"},
	{"no line end at the end", "a\r\nb", "a\nb"},
	{"just CRLF", "\r\n", "\n"},
	{"just CR", "\r", "\r"},
	{"CR alone", "a\rb\r\rc", "a\rb\r\rc"},
	{"CR at the end", "a\r\nb\r", "a\nb\r"},
	{"CR after LF", "a\n\rb", "a\n\rb"},
	{"converted twice", "a\r\r\nb\r\r\r\n", "a\nb\n"},
	{"CRs alone beside a line end", "a\r\rb\r\n", "a\r\rb\n"},
	{"more CRs than are passed on at once", strings.Repeat("\r", 1000) + "a" + strings.Repeat("\r", 1000) + "\n", strings.Repeat("\r", 1000) + "a\n"},
	{"NUL", "a\r\n\x00", "a\r\n\x00"},
	{"NUL before", "\x00a\r\n", "\x00a\r\n"},
	{"NUL as the last that counts", strings.Repeat("a", 7997) + "\r\n\x00", strings.Repeat("a", 7997) + "\r\n\x00"},
	{"NUL after that", strings.Repeat("a", 7998) + "\r\n\x00", strings.Repeat("a", 7998) + "\n\x00"},
	{"NUL that counts in the LF form alone", strings.Repeat("\r\n", 4000) + "\x00", strings.Repeat("\n", 4000) + "\x00"},
	{"CR as the last that counts", strings.Repeat("a", 7999) + "\r\nb", strings.Repeat("a", 7999) + "\nb"},
	{"UTF-16", "\xff\xfea\x00\r\x00\n\x00", "\xff\xfea\x00\r\x00\n\x00"},
	{"UTF-8 with a mark", "\ufeffä\r\n", "\ufeffä\n"},
	{"no UTF-8", "\xff\r\n", "\xff\n"},
	{"across a buffer", strings.Repeat("a", hashBuffer-1) + "\r\nb\r\n", strings.Repeat("a", hashBuffer-1) + "\nb\n"},
	{"CRs across a buffer", strings.Repeat("a", hashBuffer-2) + "\r\r\r\nb", strings.Repeat("a", hashBuffer-2) + "\nb"},
	{"CR before a buffer's end", strings.Repeat("a", hashBuffer-1) + "\rb", strings.Repeat("a", hashBuffer-1) + "\rb"},
	{"large", strings.Repeat("line\r\n", 200_000), strings.Repeat("line\n", 200_000)},
}

func TestCanonical(t *testing.T) {
	for _, c := range textCases {
		t.Run(c.name, func(t *testing.T) {
			checkCanonical(t, []byte(c.content))
			if got := string(TextLF.Canonical([]byte(c.content))); got != c.want {
				t.Errorf("Canonical = %s, want %s", short(got), short(c.want))
			}
			for _, exact := range []Text{"", TextExact} {
				if got := string(exact.Canonical([]byte(c.content))); got != c.content {
					t.Errorf("%q.Canonical = %s", exact, short(got))
				}
			}
		})
	}
}

func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:20]+"..."+s[len(s)-20:], "?")
	}
	return s
}

// checkCanonical holds for any content: a form is its own form, is made of no
// more than CRs left out, and is the same however the content is cut.
func checkCanonical(t *testing.T, content []byte) {
	t.Helper()
	was := bytes.Clone(content)
	got := TextLF.Canonical(content)
	if !bytes.Equal(content, was) {
		t.Fatal("the content was changed in place")
	}
	if again := TextLF.Canonical(got); !bytes.Equal(again, got) {
		t.Fatalf("the form of the form %q is %q", short(string(got)), short(string(again)))
	}
	noCR := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r"), nil) }
	if !bytes.Equal(noCR(got), noCR(content)) {
		t.Fatal("more than CRs is gone")
	}
	isBinary := bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0
	if has := bytes.Contains(got, []byte("\r\n")); has && !isBinary || isBinary && !bytes.Equal(got, content) {
		t.Fatalf("binary %v, and the form is %q", isBinary, short(string(got)))
	}
	for name, reader := range map[string]func() io.Reader{
		"one by one": func() io.Reader { return iotest.OneByteReader(bytes.NewReader(content)) },
		"by halves":  func() io.Reader { return iotest.HalfReader(bytes.NewReader(content)) },
		"whole":      func() io.Reader { return bytes.NewReader(content) },
	} {
		meter, out := newTextMeter(), &bytes.Buffer{}
		w := &lfWriter{dst: out}
		for _, dst := range []io.Writer{meter, w} {
			if _, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{reader()}, make([]byte, 7)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		if size := meter.canonicalSize(); size != int64(len(got)) {
			t.Fatalf("%s: canonicalSize = %d, want %d", name, size, len(got))
		}
		if !isBinary && !bytes.Equal(out.Bytes(), got) {
			t.Fatalf("%s: what was passed on is %q", name, short(out.String()))
		}
	}
}

func FuzzText(f *testing.F) {
	for _, c := range textCases {
		if len(c.content) < 10_000 {
			f.Add([]byte(c.content))
		}
	}
	f.Fuzz(checkCanonical)
}

// A file on disk and the same file of a source have the id of their form.
func TestScanText(t *testing.T) {
	dir := t.TempDir()
	root := openRoot(t, dir)
	for _, c := range textCases {
		t.Run(c.name, func(t *testing.T) {
			writeFiles(t, dir, map[string]string{"s/f": c.content})
			for text, want := range map[Text]string{TextLF: c.want, TextExact: c.content, "": c.content} {
				opts := ScanOptions{Text: text}
				scanned, err := ScanFile(t.Context(), root, "s/f", "f", opts)
				if err != nil {
					t.Fatal(err)
				}
				sourced, err := ScanSourceFile(t.Context(), rootSource{root: root}, "s/f", "f", opts)
				if err != nil {
					t.Fatal(err)
				}
				entry := Entry{"f", BlobID([]byte(want)), int64(len(want))}
				for name, snap := range map[string]Snapshot{"directory": scanned, "source": sourced} {
					if got := snap.Tree.Get("f"); got == nil || *got != entry {
						t.Errorf("%q: %s: %+v, want %+v", text, name, got, entry)
					}
				}
				data, err := ReadFile(t.Context(), root, "s/f", entry, opts)
				if err != nil || string(data) != want {
					t.Errorf("%q: ReadFile = %s, %v, want %s", text, short(string(data)), err, short(want))
				}
			}
		})
	}
}

func TestScanTextThroughLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"real/a": "a\r\n", ".gitignore": "*.log\r\n", "x.log": "x"})
	for name, target := range map[string]string{"link": "real/a", "dir": "real"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	root := openRoot(t, dir)
	opts := ScanOptions{Text: TextLF}
	got, err := Scan(t.Context(), root, opts)
	if err != nil {
		t.Fatal(err)
	}
	want := newBundle(t, map[Path]string{"real/a": "a\n", "link": "a\n", "dir/a": "a\n"}).Tree()
	if !got.Tree.Equal(want) || len(got.Problems) > 0 {
		t.Errorf("Scan finds\n%v%v", got.Tree, got.Problems)
	}
	for e := range got.Tree.All() {
		if data, err := ReadFile(t.Context(), root, string(e.Path), e, opts); err != nil || string(data) != "a\n" {
			t.Errorf("ReadFile(%s) = %q, %v", e.Path, data, err)
		}
	}
	sourced, err := ScanSource(t.Context(), rootSource{root: root}, ".", opts)
	if err != nil || !sourced.Tree.Equal(want) {
		t.Errorf("ScanSource finds\n%v%v", sourced.Tree, err)
	}
}

// The limit is one on what is published, and bounds what is read.
func TestScanTextLimits(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"fits":     strings.Repeat("\r\n", 10),
		"large":    strings.Repeat("\r\n", 9) + "ab",
		"larger":   strings.Repeat("a", 9) + "\r\n\n",
		"binary":   strings.Repeat("\r\n", 5) + "\x00",
		"not read": strings.Repeat("\r", 20) + "\n",
	})
	root := openRoot(t, dir)
	opts := ScanOptions{Text: TextLF, MaxFileSize: 10}
	scanned, err := Scan(t.Context(), root, opts)
	if err != nil {
		t.Fatal(err)
	}
	sourced, err := ScanSource(t.Context(), rootSource{root: root}, ".", opts)
	if err != nil {
		t.Fatal(err)
	}
	want := map[Path]string{
		"large":    "11 bytes, more than the limit of 10",
		"larger":   "11 bytes, more than the limit of 10",
		"binary":   "11 bytes, more than the limit of 10",
		"not read": "21 bytes, more than the limit of 10",
	}
	for name, snap := range map[string]Snapshot{"directory": scanned, "source": sourced} {
		got := map[Path]string{}
		for _, p := range snap.Problems {
			got[p.Path] = p.Detail
			if p.Kind != TooLarge {
				t.Errorf("%s: %s is a problem of kind %s", name, p.Path, p.Kind)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: problems (-want +got):\n%s", name, d)
		}
		if e := snap.Tree.Get("fits"); e == nil || e.Size != 10 {
			t.Errorf("%s: fits is %+v", name, e)
		}
	}
}

func TestReadFileTextNoticesChanges(t *testing.T) {
	want := Entry{"f", BlobID([]byte("a\nb\n")), 4}
	opts := ScanOptions{Text: TextLF, MaxFileSize: 6}
	for content, changed := range map[string]bool{
		"a\nb\n": false, "a\r\nb\r\n": false, "a\r\nb\n": false,
		"a\r\nc\r\n": true, "a\nb": true, "a\r\n\r\nb": true, "": true,
		strings.Repeat("x", 13): true, // more than is read
	} {
		dir := t.TempDir()
		writeFiles(t, dir, map[string]string{"f": content})
		data, err := ReadFile(t.Context(), openRoot(t, dir), "f", want, opts)
		if is := errors.Is(err, ErrChanged); is != changed || !changed && string(data) != "a\nb\n" {
			t.Errorf("ReadFile of %q = %q, %v", content, data, err)
		}
	}
}
