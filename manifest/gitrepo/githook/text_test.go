package githook

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const block = begin + "\nx hook run post-commit\n" + end + "\n"

// ends is a block that ends with its file.
const ends = begin + "\nx hook run post-commit\n" + end

func TestInsert(t *testing.T) {
	older := begin + "\nolder hook run post-commit\n" + end
	tests := map[string]struct{ text, want string }{
		"no file":                  {"", "#!/bin/sh\n" + block},
		"shebang alone":            {"#!/bin/sh\n", "#!/bin/sh\n" + block},
		"commands":                 {"#!/bin/sh\necho a\n", "#!/bin/sh\n" + block + "echo a\n"},
		"comments stay on top":     {"#!/bin/sh\n# a\n#b\n\n# c\necho a\n", "#!/bin/sh\n# a\n#b\n" + block + "\n# c\necho a\n"},
		"exit at the end":          {"#!/bin/bash\nexit 0\n", "#!/bin/bash\n" + block + "exit 0\n"},
		"exec at the end":          {"#!/usr/bin/env -S bash -e\nexec a \"$@\"", "#!/usr/bin/env -S bash -e\n" + block + "exec a \"$@\""},
		"no shebang":               {"echo a\n", block + "echo a\n"},
		"no newline after shebang": {"#!/bin/sh", "#!/bin/sh\n" + ends},
		"no newline after comment": {"#!/bin/sh\n# a", "#!/bin/sh\n# a\n" + ends},
		"no newline at the end":    {"#!/bin/sh\necho a", "#!/bin/sh\n" + block + "echo a"},
		"CRLF":                     {"#!/bin/sh\r\necho a\r\n", "#!/bin/sh\r\n" + block + "echo a\r\n"},
		"again":                    {"#!/bin/sh\n" + block + "echo a\n", "#!/bin/sh\n" + block + "echo a\n"},
		"another one":              {"#!/bin/sh\necho a\n" + older + "\necho b\n", "#!/bin/sh\necho a\n" + block + "echo b\n"},
		"another one at the end":   {"#!/bin/sh\n" + older, "#!/bin/sh\n" + ends},
		"two":                      {"#!/bin/sh\n" + older + "\necho a\n" + block + "echo b\n", "#!/bin/sh\n" + block + "echo a\necho b\n"},
		"two in a row at the end":  {"#!/bin/sh\n" + block + older, "#!/bin/sh\n" + ends},
		"markers in CRLF":          {"#!/bin/sh\r\n" + strings.ReplaceAll(older, "\n", "\r\n") + "\r\necho a\r\n", "#!/bin/sh\r\n" + block + "echo a\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Insert([]byte(tt.text), block)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Errorf("with the block (-want +got):\n%s", d)
			}
		})
	}
}

func TestInsertRefuses(t *testing.T) {
	tests := map[string]struct {
		text string
		want error
	}{
		"python":         {"#!/usr/bin/env python3\nprint(1)\n", ErrNotShell},
		"perl":           {"#!/usr/bin/perl -w\n", ErrNotShell},
		"fish":           {"#!/usr/bin/env fish\n", ErrNotShell},
		"csh":            {"#!/bin/tcsh\n", ErrNotShell},
		"env of nothing": {"#!/usr/bin/env\n", ErrNotShell},
		"program":        {"\x7fELF\x02\x01\x01\x00\x00", ErrNotShell},
		"no end":         {"#!/bin/sh\n" + begin + "\necho a\n", ErrDamaged},
		"no begin":       {"#!/bin/sh\n" + end + "\necho a\n", ErrDamaged},
		"begin twice":    {"#!/bin/sh\n" + begin + "\n" + block, ErrDamaged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := Insert([]byte(tt.text), block); !errors.Is(err, tt.want) || got != nil {
				t.Errorf("got %q, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestIsShell(t *testing.T) {
	for _, line := range []string{
		"#!/bin/sh", "#! /bin/sh", "#!/bin/sh -e", "#!/usr/bin/env sh", "#!/usr/bin/env -S bash -eu", "#!/usr/bin/env -i A=b bash",
		`#!C:\Program/sh.exe`, "#!/bin/busybox sh", "#!/usr/local/bin/zsh\r", "echo no first line",
	} {
		if !isShell([]byte(line + "\n")) {
			t.Errorf("%q is taken for no shell", line)
		}
	}
}

func TestLine(t *testing.T) {
	for _, hook := range []string{"post-commit", PrePush} {
		call := Call{hook, "/opt/my tools/sync", "sync", []string{"-C", "it's", "--wait"}}
		text, err := Insert([]byte("#!/bin/sh\necho\n"), call.Block())
		if err != nil {
			t.Fatal(err)
		}
		want := `'/opt/my tools/sync' hook run ` + hook + ` -C 'it'\''s' --wait`
		if got := Line(text); got != want || got != call.Line() {
			t.Errorf("line %q, want %q", got, want)
		}
	}
	for _, text := range []string{"", "#!/bin/sh\n\"$assetsync\" hook run post-commit -- \"$@\"\n", begin + "\n" + end, begin} {
		if got := Line([]byte(text)); got != "" {
			t.Errorf("line of %q: %q", text, got)
		}
	}
}

// FuzzRoundTrip puts a block into anything and takes it out again: the lines
// of others never change.
func FuzzRoundTrip(f *testing.F) {
	for _, text := range []string{
		"", "#!/bin/sh", "#!/bin/sh\n", "#!/bin/sh\n# a\n\nexec b", "echo\r\n", "\n", "#\n#", " \t", begin, end, block, block + block, "#!/bin/sh\n" + block + "a",
		"# >>> assetsync >>", "#!/bin/sh\r\n#\r", "a\n" + ends,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		with, err := Insert(text, block)
		if !bytes.Equal(text, before) {
			t.Fatal("Insert has changed what it was given")
		}
		if err != nil {
			return
		}
		again, err := Insert(with, block)
		if err != nil || !bytes.Equal(again, with) {
			t.Fatalf("a second time: %v\n%q\n%q", err, with, again)
		}
		other := strings.Replace(block, "x", "other", 1)
		if replaced, err := Insert(with, other); err != nil || !bytes.Equal(bytes.Replace(replaced, []byte("other hook"), []byte("x hook"), 1), with) {
			t.Fatalf("another block in its place: %v\n%q\n%q", err, with, replaced)
		}
		blocks, err := find(before)
		if err != nil {
			t.Fatalf("Insert has passed over %v", err)
		}
		rest, found, err := Remove(with)
		switch {
		case err != nil || !found:
			t.Fatalf("the block is not found: %v", err)
		case len(before) == 0:
			if !IsOurs(rest) {
				t.Fatalf("of an empty file %q is left", rest)
			}
		case len(blocks) == 0 && !bytes.Equal(rest, before):
			t.Fatalf("installed and uninstalled: %q became %q", before, rest)
		case len(blocks) == 1:
			if was, _, _ := Remove(before); !bytes.Equal(rest, was) {
				t.Fatalf("replaced and removed: %q, removed at once: %q", rest, was)
			}
		}
	})
}
