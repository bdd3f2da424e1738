package githook

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shell returns a shell by its name, or skips the test.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s", name)
	}
	return path
}

// program writes a program that prints how it was called and what it reads,
// and ends with a code.
func program(t *testing.T, path, code string, reads bool) string {
	t.Helper()
	text := "#!/bin/sh\nprintf '<%s>' \"$@\"\necho\nexit " + code + "\n"
	if reads {
		text = "#!/bin/sh\nprintf '<%s>' \"$@\"\necho\nsed 's/^/read: /'\nexit " + code + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBlock runs hooks that hold the block, by the shells that are there and
// under options that break careless scripts.
func TestBlock(t *testing.T) {
	dir := t.TempDir()
	good := program(t, filepath.Join(dir, "it's good"), "0", false)
	bad := program(t, filepath.Join(dir, "bad"), "3", false)
	check := program(t, filepath.Join(dir, "check"), "0", true)
	stops := program(t, filepath.Join(dir, "stops"), "1", true)
	inPath := t.TempDir()
	program(t, filepath.Join(inPath, "sync"), "0", false)

	const refs = "refs/heads/$(x) 1 refs/heads/`y` 2\nrefs/heads/main 3 refs/heads/main 4\n"
	tests := map[string]struct {
		call   Call
		path   string // instead of PATH
		stdin  string
		want   string
		stderr string
		code   int
	}{
		"runs":        {call: Call{"post-commit", good, "sync", nil}, want: "<hook><run><post-commit><--><1><two words>\nforeign 1\n"},
		"arguments":   {call: Call{"post-commit", good, "sync", []string{"-C", "a b", "--env", "it's"}}, want: "<hook><run><post-commit><-C><a b><--env><it's><--><1><two words>\nforeign 1\n"},
		"fails":       {call: Call{"post-commit", bad, "sync", nil}, want: "<hook><run><post-commit><--><1><two words>\nforeign 1\n"},
		"moved":       {call: Call{"post-commit", dir + "/gone", "sync", nil}, path: inPath, want: "<hook><run><post-commit><--><1><two words>\nforeign 1\n"},
		"gone":        {call: Call{"post-commit", dir + "/gone", "sync", nil}, path: "/nothing", want: "foreign 1\n", stderr: "sync: the program is not there any more, so post-commit does nothing\n"},
		"leaves refs": {call: Call{"post-rewrite", good, "sync", nil}, stdin: refs, want: "<hook><run><post-rewrite><--><1><two words>\nforeign 1\n" + refs},
		"checks": {call: Call{"pre-push", check, "sync", nil}, stdin: refs,
			want: "<hook><run><pre-push><--><1><two words>\nread: refs/heads/$(x) 1 refs/heads/`y` 2\nread: refs/heads/main 3 refs/heads/main 4\nforeign 1\n" + refs},
		"checks nothing": {call: Call{"pre-push", check, "sync", nil}, want: "<hook><run><pre-push><--><1><two words>\nread: \nforeign 1\n"},
		"stops":          {call: Call{"pre-push", stops, "sync", nil}, stdin: refs, code: 1, want: "<hook><run><pre-push><--><1><two words>\nread: refs/heads/$(x) 1 refs/heads/`y` 2\nread: refs/heads/main 3 refs/heads/main 4\n"},
		"cannot check":   {call: Call{"pre-push", dir + "/gone", "sync", nil}, path: "/nothing", stdin: refs, want: "foreign 1\n" + refs, stderr: "sync: the program is not there any more, so pre-push does nothing\n"},
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip("there is no cat")
	}
	for _, sh := range []string{"sh", "dash", "bash", "busybox", "zsh", "ksh"} {
		for name, tt := range tests {
			t.Run(sh+"/"+name, func(t *testing.T) {
				args := []string{shell(t, sh), "-eu"}
				if sh == "busybox" {
					args = []string{args[0], "sh", "-eu"}
				}
				text, err := Insert([]byte("#!/bin/sh\necho foreign \"$1\"\nexec "+cat+"\n"), tt.call.Block())
				if err != nil {
					t.Fatal(err)
				}
				hook := filepath.Join(t.TempDir(), "hook")
				if err := os.WriteFile(hook, text, 0o755); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(args[0], append(args[1:], hook, "1", "two words")...)
				cmd.Env = os.Environ()
				if tt.path != "" {
					cmd.Env = append(cmd.Env, "PATH="+tt.path)
				}
				var stdout, stderr bytes.Buffer
				cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(tt.stdin), &stdout, &stderr
				err = cmd.Run()
				if code := cmd.ProcessState.ExitCode(); code != tt.code {
					t.Errorf("exit code %d, want %d: %v", code, tt.code, err)
				}
				if d := cmp.Diff(tt.want, stdout.String()); d != "" {
					t.Errorf("standard output (-want +got):\n%s", d)
				}
				if d := cmp.Diff(tt.stderr, stderr.String()); d != "" {
					t.Errorf("standard error (-want +got):\n%s", d)
				}
			})
		}
	}
}

// TestManyRefs has more lines on standard input than a pipe holds.
func TestManyRefs(t *testing.T) {
	dir := t.TempDir()
	check := program(t, filepath.Join(dir, "check"), "0", true)
	refs := strings.Repeat("refs/heads/a 1 refs/heads/a 2\n", 20_000)
	text, err := Insert([]byte("#!/bin/sh\ncat\n"), Call{PrePush, check, "sync", nil}.Block())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell(t, "sh"), "-c", string(text), "hook")
	cmd.Stdin = strings.NewReader(refs)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "<hook><run><pre-push><-->\n" + strings.ReplaceAll(refs, "refs/heads/a 1", "read: refs/heads/a 1") + refs
	if string(out) != want {
		t.Errorf("%d bytes came through, want %d", len(out), len(want))
	}
}
