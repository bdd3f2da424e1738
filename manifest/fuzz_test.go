package manifest

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func FuzzReadZip(f *testing.F) {
	f.Add(zipBytes(f, newBundle(f, map[Path]string{"SKILL.md": strings.Repeat("skill ", 40), "references/a.md": "a"})))
	f.Add(storedZip(f, entry{name: "a/"}, entry{name: "a/b", content: "b"}))
	f.Add(rawZip(f, func(zw *zip.Writer) {
		w, _ := zw.Create("streamed")
		w.Write([]byte("with a data descriptor"))
		zw.SetComment("and a comment")
	}))
	f.Add(storedZip(f, entry{"link", "a", func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink) }}))
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := ZipLimits{Entries: 50, Unpacked: 1 << 20}
		b, err := ReadZip(data, limits)
		if err != nil {
			var refused *ZipError
			if !errors.As(err, &refused) {
				t.Fatalf("error %v is no *ZipError", err)
			}
			return
		}
		if b.Tree().Len() > limits.Entries || b.Tree().Size() > limits.Unpacked {
			t.Fatalf("took %d files of %d bytes", b.Tree().Len(), b.Tree().Size())
		}
		again, err := ReadZip(zipBytes(t, b), limits)
		if err != nil || !again.Tree().Equal(b.Tree()) {
			t.Fatalf("what was read does not survive: %v", err)
		}
	})
}

func FuzzIgnore(f *testing.F) {
	f.Add("*.log\n!keep.log\n/build/\n", "a/keep.log")
	f.Add("\ufeffa\\ \r\n#x\n\\#y\n", "a ")
	f.Add("**/a/**/[!b-d]?\n[[:alpha:]", "x/a/b/c")
	f.Add("a**/**\\/b\n***\n", "a/b")
	f.Fuzz(func(t *testing.T, data, name string) {
		p, err := ParsePath(name)
		if err != nil {
			return
		}
		file := IgnoreFile{Layer: AssetsyncIgnore, Data: []byte(data)}
		rules, again := newIgnore(t).With(file), newIgnore(t).With(file)
		ignored := rules.Ignored(p)
		if again.Ignored(p) != ignored {
			t.Fatalf("%q is ignored or not, by chance", p)
		}
		if why := rules.Why(p); (why != "") != ignored {
			t.Fatalf("Why(%q) = %q, Ignored = %v", p, why, ignored)
		}
		for dir := range p.Dirs {
			if rules.IgnoredDir(dir) && !ignored {
				t.Fatalf("%q is not ignored, though %q is", p, dir)
			}
		}
		for line := range strings.SplitSeq(data, "\n") {
			target, err := NewIgnore([]string{line})
			if err == nil {
				target.Ignored(p)
			}
		}
	})
}

func FuzzTreeText(f *testing.F) {
	text, _ := newBundle(f, map[Path]string{"SKILL.md": "s", "a-b": "", "a/b": "x"}).Tree().MarshalText()
	f.Add(text)
	f.Add([]byte{})
	f.Add([]byte("100644 blob e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0\ta\n"))
	f.Add([]byte("100755 blob e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0\ta\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var tree Tree
		if tree.UnmarshalText(text) != nil {
			return
		}
		again, err := tree.MarshalText()
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%q was read and written as %q (error %v)", text, again, err)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"a/b", "", ".", "../a", "/a", "a//b", "a\\b", "a\x00", "\xff", "a/..b/c."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		if string(p) != s || !fs.ValidPath(s) || s == "." || strings.ContainsAny(s, "\\\x00\n\t\r\x7f") {
			t.Fatalf("ParsePath takes %q", s)
		}
		if _, err := NewTree(Entry{Path: p}); err != nil {
			t.Fatal(err)
		}
	})
}
