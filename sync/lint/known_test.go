package lint_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/sync/lint"
)

// pieces are what the files of a random skill are made of.
var pieces = []string{
	"Text of a paragraph.\n\n", "# Queues\n\n", "## How to read `age`\n\n", "## Rückstand & Größe\n\n", "<a id=\"raw\"></a>\n\n",
	"[a](b.md) [c](c.md#queues)\n\n", "[a](sub/d.md#how-to-read-age) ![i](img.png)\n\n", "[a](Sub/D.MD) and [b](#nowhere)\n\n",
	"[a](../b.md) [b](/etc/x) [c](https://example.com/x.md#y)\n\n", "<a href='C.md'>x</a> <img src=\"gone.png\">\n\n", "[x]: gone.md#raw\n\nsee [x]\n\n",
	"```\n[a](gone.md)\n```\n\n", "zero\u200bwidth\n\n", "b\u202eidi\n\n", "[ü](README.md) é [a](sub) [b](references\\b.md)\n\n", "a \\[b](c.md) &amp; [a&amp;b](b.md)\n",
}

// names are what they are called.
var names = []string{"b.md", "c.md", "C.md", "sub/d.md", "sub/deep/e.markdown", "f.txt", "g.html", "img.png", "h.json"}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	switch r.IntN(20) {
	case 0:
		return "\xff\xfea\x00" // UTF-16
	case 1:
		return "\xef\xbb\xbf" + b.String()
	case 2:
		return b.String() + "\xff"
	}
	return b.String()
}

// edit changes a few files: most stay, some move or are copied.
func edit(r *rand.Rand, files map[string]string) {
	for range 1 + r.IntN(3) {
		name := names[r.IntN(len(names))]
		switch r.IntN(5) {
		case 0:
			delete(files, name)
		case 1:
			files[name] = files[names[r.IntN(len(names))]]
		case 2:
			files["SKILL.md"] = head + randomText(r)
		default:
			files[name] = randomText(r)
		}
	}
}

// checkWith is what is told with what is known, which it passes on as bytes, and how
// often files were read.
func checkWith(t *testing.T, kept *[]byte, a lint.Asset) (found []lint.Finding, read int) {
	t.Helper()
	known, whole, files := lint.NewKnown(*kept), a.Files, map[manifest.Path][]byte{}
	for {
		part, err := manifest.NewBundle(files)
		if err != nil {
			t.Fatal(err)
		}
		a.Files = part.Of(whole.Tree())
		found, unread := known.Check(a)
		if len(unread) == 0 {
			if data, changed := known.Bytes(); changed {
				*kept = data
			}
			return found, len(files)
		}
		for _, e := range unread {
			if files[e.Path] != nil {
				t.Fatalf("%s is asked for again", e.Path)
			}
			content, _ := whole.Content(e.Path)
			files[e.Path] = append([]byte{}, content...)
		}
	}
}

// TestKnown edits skills at random: what is told with what is known is what is told
// without.
func TestKnown(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		files, kept := map[string]string{"SKILL.md": head}, []byte(nil)
		for step := range 12 {
			edit(r, files)
			a := skill(t, strings.TrimPrefix(files["SKILL.md"], head), files)
			a.Secrets, a.Ignored = nil, func(p manifest.Path) bool { return p == "README.md" }
			want := lint.Check(a)
			if got, _ := checkWith(t, &kept, a); !cmp.Equal(got, want) {
				t.Fatalf("seed %d, step %d, %v (-want +got):\n%s", seed, step, slices.Sorted(maps.Keys(files)), cmp.Diff(want, got))
			}
		}
	}
}

// TestKnownIsNotRead counts what is read: what has changed, the main file, and what a
// link leads to for the first time.
func TestKnownIsNotRead(t *testing.T) {
	plain := map[string]string{"a.md": "# One\n", "b.md": "[a](a.md)\n", "c.txt": "x\n", "d.md": "hidden\u200bcharacter\n"}
	costly := strings.Repeat("[a](b.md) ", 9_500) // 900 million of maxLinkWork
	with := func(more map[string]string) map[string]string {
		files := maps.Clone(plain)
		maps.Copy(files, more)
		return files
	}
	var kept []byte
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"the first time", plain, 5},
		{"nothing changed", plain, 2}, // SKILL.md, and d.md, of which something is told
		{"one file changed", with(map[string]string{"c.txt": "y\n"}), 3},
		{"one file is gone", with(map[string]string{"c.txt": "x\n"}), 3}, // its first bytes are not known any more
		{"a link to a heading", with(map[string]string{"b.md": "[a](a.md#two)\n"}), 3},
		{"the same", with(map[string]string{"b.md": "[a](a.md#two)\n"}), 2},
		{"a copy", with(map[string]string{"b.md": "[a](a.md#two)\n", "e.md": "# One\n"}), 2},
		{"another extension", with(map[string]string{"b.md": "[a](a.md#two)\n", "e.txt": "# One\n"}), 3},
		{"too long", with(map[string]string{"b.md": costly, "e.md": costly + "x"}), 4},
		{"too long again", with(map[string]string{"b.md": costly, "e.md": costly + "x"}), 4}, // both: one is large, one was not parsed
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := skill(t, "text\n", tt.files)
			a.Secrets = nil
			got, read := checkWith(t, &kept, a)
			if d := cmp.Diff(lint.Check(a), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if read != tt.want {
				t.Errorf("%d files are read, want %d", read, tt.want)
			}
		})
	}
}

// TestKnownDamaged has bytes of which one is another.
func TestKnownDamaged(t *testing.T) {
	a := skill(t, "[a](b.md)\n", map[string]string{"b.md": "# One\n"})
	a.Secrets = nil
	var kept []byte
	checkWith(t, &kept, a)
	if _, unread := lint.NewKnown(kept).Check(lint.Asset{Type: a.Type, Files: manifest.Bundle{}.Of(a.Files.Tree())}); len(unread) != 1 {
		t.Errorf("%d files are unread, want the main file", len(unread))
	}
	for i := range kept {
		bad := slices.Clone(kept)
		bad[i]++
		if _, unread := lint.NewKnown(bad).Check(lint.Asset{Type: a.Type, Files: manifest.Bundle{}.Of(a.Files.Tree())}); len(unread) != 2 {
			t.Errorf("byte %d: %d files are unread, want 2", i, len(unread))
		}
	}
}

// TestKnownFormat has what is kept of some files. When it fails, the rules say something
// else of bytes than they did: raise knownFormat, and put the new sum here. Another
// parser may read something else of files that are not among these: raise it, too.
func TestKnownFormat(t *testing.T) {
	const parser = "github.com/yuin/goldmark v1.8.7"
	if mod, err := os.ReadFile("../../go.mod"); err != nil || !strings.Contains(string(mod), parser) {
		t.Errorf("go.mod does not ask for %s, which knownFormat is of (%v)", parser, err)
	}
	const want = "d5fb5b6d289d03d9"
	files := map[string]string{}
	for i, piece := range pieces {
		files[fmt.Sprintf("%02d.md", i)], files[fmt.Sprintf("%02d.txt", i)] = piece, piece
		files["SKILL.md"] = head + fmt.Sprintf("[a](%02d.md#x)\n", i)
	}
	var links strings.Builder
	for i := range pieces {
		fmt.Fprintf(&links, "[a](%02d.md#x)\n", i)
	}
	a := skill(t, links.String(), files)
	a.Secrets = nil
	var kept []byte
	checkWith(t, &kept, a)
	sum := sha256.Sum256(kept)
	if got := hex.EncodeToString(sum[:8]); got != want {
		t.Errorf("what is kept has the sum %s, want %s", got, want)
	}
}

func FuzzKnown(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x06\x0701234567890123456789\x01\x01\x01\x01\x00\x05\x04b.md\x01\x01a\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		known := lint.NewKnown(lint.Sealed(data))
		a := lint.Asset{Files: manifest.Bundle{}}
		known.Check(a)
		known.Bytes()
	})
}
