package manifest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// words makes text that compresses about as prose does: a vocabulary used as
// unevenly as that of a language.
func words(rnd *rand.Rand, size int) string {
	vocabulary := make([]string, 4000)
	for i := range vocabulary {
		word := make([]byte, 2+rnd.IntN(9))
		for j := range word {
			word[j] = "eeeettaaooiinnsshhrrdlcumwfgypbvkjxqz"[rnd.IntN(37)]
		}
		vocabulary[i] = string(word)
	}
	pick := rand.NewZipf(rnd, 1.2, 3, uint64(len(vocabulary)-1))
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(vocabulary[pick.Uint64()])
		b.WriteString([]string{" ", " ", " ", " ", " ", ", ", ".\n"}[rnd.IntN(7)])
	}
	return b.String()[:size]
}

func BenchmarkScan(b *testing.B) { benchmarkScan(b, ScanOptions{}, "\n") }

// BenchmarkScanText scans for the LF form what has it and what has not.
func BenchmarkScanText(b *testing.B) {
	for name, end := range map[string]string{"LF": "\n", "CRLF": "\r\n"} {
		b.Run(name, func(b *testing.B) { benchmarkScan(b, ScanOptions{Text: TextLF}, end) })
	}
}

func benchmarkScan(b *testing.B, opts ScanOptions, lineEnd string) {
	root, size := manyFiles(b, lineEnd)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		snap, err := Scan(b.Context(), root, opts)
		if err != nil || snap.Tree.Len() != 1000 {
			b.Fatalf("%d files, %v", snap.Tree.Len(), err)
		}
	}
}

// manyFiles makes a directory of 1,000 files, which have size bytes.
func manyFiles(b *testing.B, lineEnd string) (root *os.Root, size int64) {
	content := strings.ReplaceAll(words(rand.New(rand.NewPCG(1, 1)), 4096), "\n", lineEnd)
	dir := b.TempDir()
	files := map[string]string{".gitignore": "*.log\nbuild/\n/dist\n!keep.log\n"}
	for i := range 1000 {
		files[fmt.Sprintf("d%02d/e%d/file%03d.md", i%20, i%3, i)] = content[i%64:]
		size += int64(len(content[i%64:]))
	}
	writeFiles(b, dir, files)
	return openRoot(b, dir), size
}

// largeBundle is 6 MiB of text in 100 files.
func largeBundle(b *testing.B) Bundle {
	text := words(rand.New(rand.NewPCG(1, 1)), 6<<20)
	files := map[Path]string{}
	for i := range 100 {
		files[Path(fmt.Sprintf("references/%02d.md", i))] = text[i*len(text)/100 : (i+1)*len(text)/100]
	}
	return newBundle(b, files)
}

// BenchmarkWriteZip packs a bundle as large as the service takes, beside the
// standard library at its default and at its best level.
func BenchmarkWriteZip(b *testing.B) {
	bundle := largeBundle(b)
	run := func(name string, write func(w io.Writer) error) {
		b.Run(name, func(b *testing.B) {
			var out bytes.Buffer
			b.SetBytes(bundle.Tree().Size())
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				if err := write(&out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(out.Len()), "packed-B")
		})
	}
	run("ours", func(w io.Writer) error { return WriteZip(w, bundle) })
	run("standard-default", func(w io.Writer) error { return writeStandardZip(w, bundle, zipStandard) })
	run("standard-best", func(w io.Writer) error { return writeStandardZip(w, bundle, flate.BestCompression) })
}

func writeStandardZip(w io.Writer, bundle Bundle, level int) error {
	zw := zip.NewWriter(w)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, level) })
	for e := range bundle.Tree().All() {
		f, err := zw.Create(string(e.Path))
		if err != nil {
			return err
		}
		data, _ := bundle.Content(e.Path)
		if _, err := f.Write(data); err != nil {
			return err
		}
	}
	return zw.Close()
}

func BenchmarkReadZip(b *testing.B) {
	data := zipBytes(b, largeBundle(b))
	b.SetBytes(6 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadZip(data, ZipLimits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTreeID(b *testing.B) {
	var entries []Entry
	for i := range 1000 {
		entries = append(entries, Entry{Path: Path(fmt.Sprintf("d%02d/e%d/file%03d.md", i%20, i%3, i)), ID: ID{byte(i), 1}})
	}
	tree, err := NewTree(entries...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		tree.ID()
	}
}

func BenchmarkIgnore(b *testing.B) {
	rules := newIgnore(b, "evals/", "README.md", "!docs/README.md").With(
		IgnoreFile{Data: []byte(strings.Repeat("*.log\n/build/\nnode_modules/\ndocs/**/*.tmp\n[Tt]est*.out\n", 10))},
		IgnoreFile{Dir: "docs", Data: []byte("!keep.log\n")},
	)
	b.ReportAllocs()
	for b.Loop() {
		if rules.Ignored("docs/guides/deep/page.md") || !rules.Ignored("docs/a/b.tmp") {
			b.Fatal("wrong")
		}
	}
}
