package sync_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	assetsync "assetsync/sync"
)

// simOrigin is the git repository of a developer, with one line of commits. It
// is written object by object, which takes a hundredth of what git takes.
type simOrigin struct {
	dir     string            // holds the objects, loose
	tree    map[string]string // what the developer has
	commits []simCommit
}

type simCommit struct {
	id    string
	files map[string]string
}

func (s *sim) newOrigin(files map[string]string) *simOrigin {
	o := &simOrigin{dir: filepath.Join(s.dir, "origin"), tree: maps.Clone(files)}
	o.commit()
	return o
}

func (o *simOrigin) set(path string, content *string) {
	if content == nil {
		delete(o.tree, path)
		return
	}
	o.tree[path] = *content
}

// commit commits the developer's files, if they differ.
func (o *simOrigin) commit() {
	parent := ""
	if n := len(o.commits); n > 0 {
		if maps.Equal(o.commits[n-1].files, o.tree) {
			return
		}
		parent = "parent " + o.commits[n-1].id + "\n"
	}
	who := fmt.Sprintf("dev <dev@localhost> %d +0000", time.Now().Unix())
	text := fmt.Sprintf("tree %s\n%sauthor %s\ncommitter %s\n\nchange\n", hex.EncodeToString(o.writeTree(o.tree)), parent, who, who)
	o.commits = append(o.commits, simCommit{hex.EncodeToString(o.write("commit", []byte(text))), maps.Clone(o.tree)})
}

// writeTree writes the tree of files, by their path.
func (o *simOrigin) writeTree(files map[string]string) []byte {
	below := map[string]map[string]string{}
	modes, ids := map[string]string{}, map[string][]byte{}
	for p, content := range files {
		if dir, rest, ok := strings.Cut(p, "/"); ok {
			if below[dir] == nil {
				below[dir] = map[string]string{}
			}
			below[dir][rest] = content
			continue
		}
		modes[p], ids[p] = "100644", o.write("blob", []byte(content))
	}
	for dir, files := range below {
		modes[dir], ids[dir] = "40000", o.writeTree(files)
	}
	key := func(name string) string {
		if modes[name] == "40000" {
			name += "/"
		}
		return name
	}
	var tree bytes.Buffer
	for _, name := range slices.SortedFunc(maps.Keys(ids), func(a, b string) int { return strings.Compare(key(a), key(b)) }) {
		fmt.Fprintf(&tree, "%s %s\x00%s", modes[name], name, ids[name])
	}
	return o.write("tree", tree.Bytes())
}

func (o *simOrigin) write(kind string, data []byte) []byte {
	raw := append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)
	sum := sha1.Sum(raw)
	name := hex.EncodeToString(sum[:])
	file := filepath.Join(o.dir, name[:2], name[2:])
	if _, err := os.Stat(file); err == nil {
		return sum[:]
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, err := z.Write(raw)
	must(err)
	must(z.Close())
	must(os.MkdirAll(filepath.Dir(file), 0o755))
	must(os.WriteFile(file, packed.Bytes(), 0o644))
	return sum[:]
}

// clone makes a worktree of a commit.
func (o *simOrigin) clone(dir string, c simCommit) {
	git := filepath.Join(dir, ".git")
	must(os.MkdirAll(filepath.Join(git, "refs", "heads"), 0o755))
	must(os.CopyFS(filepath.Join(git, "objects"), os.DirFS(o.dir)))
	for name, text := range map[string]string{
		"HEAD": c.id + "\n", "refs/heads/main": o.commits[len(o.commits)-1].id + "\n",
		"config": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
	} {
		must(os.WriteFile(filepath.Join(git, filepath.FromSlash(name)), []byte(text), 0o644))
	}
	for p, content := range c.files {
		name := filepath.Join(dir, filepath.FromSlash(p))
		must(os.MkdirAll(filepath.Dir(name), 0o755))
		must(os.WriteFile(name, []byte(content), 0o644))
	}
}

// commit lets the developer commit.
func (s *sim) commit(who string) {
	if who == "dev" {
		s.origin.commit()
		s.note("dev commits %.7s", s.origin.commits[len(s.origin.commits)-1].id)
	}
}

// job lets a pipeline publish a commit, the newest or one before, from a fresh
// clone without state.
func (s *sim) job(back int, harm simHarm, seed uint64) {
	if w := s.workers["ci"]; w != nil {
		w.wait()
		must(os.RemoveAll(filepath.Dir(w.dir)))
		delete(s.workers, "ci")
	}
	at := max(0, len(s.origin.commits)-1-back)
	c := s.origin.commits[at]
	w := s.worker("ci")
	w.lane = lanes - 1
	s.origin.clone(w.dir, c)
	if seed%2 == 0 {
		w.target.Rev = "HEAD"
	}
	for p := range c.files {
		w.changed[p] = true
	}
	w.run("job", harm, seed, func(r *simRun, e *assetsync.Engine) assetsync.Result {
		r.older, r.commit = back > 0, at
		return e.Push(context.Background(), r.options(assetsync.PushOptions{}))
	})
}

func compareMarks(a, b simMark) int {
	if n := len(a.mark) - len(b.mark); n != 0 {
		return n
	}
	return strings.Compare(a.mark, b.mark)
}
