package watcher

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"assetsync/manifest"
)

// tree is what is known of a root. Directories and files are named as they
// are published, relative to the root; "real" names are free of links.
type tree struct {
	real  string      // the root, absolute and free of symbolic links
	id    fs.FileInfo // to tell it from another one in the same place
	only  []string    // see Root.Files
	rules *manifest.Ignore
	top   string   // see manifest.IgnoreTop
	above []string // directories that enclose the root, for their ignore files

	nodes   map[string]*node    // by published path; "" is the root
	aliases map[string][]string // real path -> published paths that differ from it
	links   map[string]string   // published path of each link -> real path; "" when it leads nowhere
	targets map[string][]string // absolute real name of a file -> published paths of links to it
	states  map[string]*stamp   // ignore files above, when polled
	linked  int                 // nodes reached through links
	unread  map[string]string   // published path of a directory that cannot be watched or listed -> why
}

// node is a directory that is looked at.
type node struct {
	real   string
	files  names               // all that is no directory
	stamps map[string]*stamp   // of the files, where they are compared
	subs   map[string]struct{} // directories and links to them
}

// stamp is what tells, without reading it, that a file was changed.
type stamp struct {
	size, mtime, ctime int64
	inode              uint64
	mode               fs.FileMode // the type alone
}

func stampOf(info fs.FileInfo) *stamp {
	ctime, inode := changed(info)
	return &stamp{info.Size(), info.ModTime().UnixNano(), ctime, inode, info.Mode().Type()}
}

// ruleNames are the names whose changes change the rules.
var ruleNames = []string{manifest.GitIgnore.Filename(), manifest.AssetsyncIgnore.Filename()}

// aboveNames are those that matter in the directories above; where .git is
// decides how far up ignore files count.
var aboveNames = append([]string{".git"}, ruleNames...)

func isRule(name string) bool { return name == ruleNames[0] || name == ruleNames[1] }

func newTree(real string, id fs.FileInfo, only []string) *tree {
	return &tree{
		real: real, id: id, only: only,
		nodes:   make(map[string]*node),
		aliases: make(map[string][]string),
		links:   make(map[string]string),
		targets: make(map[string][]string),
		states:  make(map[string]*stamp),
		unread:  make(map[string]string),
	}
}

// readRules reads the target's patterns and the ignore files above dir, which
// is the root as it is configured. An error leaves the files above out.
func (t *tree) readRules(dir string, patterns []string, top string) error {
	rules, err := manifest.NewIgnore(patterns)
	if err != nil {
		return err
	}
	t.rules, t.top = rules, manifest.IgnoreTop(dir, top)
	for d := dir; d != t.top && d != filepath.Dir(d); {
		d = filepath.Dir(d)
		if real, err := filepath.EvalSymlinks(d); err == nil {
			t.above = append(t.above, real)
		}
	}
	files, err := manifest.EnclosingIgnore(dir, t.top)
	if err != nil {
		return err
	}
	t.rules = rules.With(files...)
	return nil
}

// abs returns the absolute name of a real path.
func (t *tree) abs(real string) string {
	return filepath.Join(t.real, filepath.FromSlash(real))
}

// published returns the paths that the real directory is published under.
func (t *tree) published(real string) []string {
	var list []string
	if n := t.nodes[real]; n != nil && n.real == real {
		list = append(list, real)
	}
	return append(list, t.aliases[real]...)
}

// chain returns the real paths of the directories that lead to pub, pub
// included, to tell a circle.
func (t *tree) chain(pub string) []string {
	chain := []string{""}
	for i := range len(pub) {
		if pub[i] == '/' {
			if n := t.nodes[pub[:i]]; n != nil {
				chain = append(chain, n.real)
			}
		}
	}
	if n := t.nodes[pub]; n != nil && pub != "" {
		chain = append(chain, n.real)
	}
	return chain
}

func (t *tree) addNode(pub, real string) *node {
	if n := t.nodes[pub]; n != nil && n.real == real {
		return n
	}
	n := &node{real: real}
	t.nodes[pub] = n
	if pub != real {
		t.aliases[real] = append(t.aliases[real], pub)
		t.linked++
	}
	return n
}

func (t *tree) dropNode(pub string, n *node) {
	delete(t.nodes, pub)
	delete(t.unread, pub)
	if pub == n.real {
		return
	}
	t.linked--
	if t.aliases[n.real] = without(t.aliases[n.real], pub); len(t.aliases[n.real]) == 0 {
		delete(t.aliases, n.real)
	}
}

// addLink notes that pub is a link to real; a file's changes count for pub.
func (t *tree) addLink(pub, real string, target string) {
	t.links[pub] = real
	if target != "" {
		t.targets[target] = append(t.targets[target], pub)
	}
}

// dropLink forgets the link at pub and returns the name of the file it led
// to, when no other link leads there.
func (t *tree) dropLink(pub string) (target string) {
	if _, ok := t.links[pub]; !ok {
		return ""
	}
	delete(t.links, pub)
	for name, pubs := range t.targets {
		if rest := without(pubs, pub); len(rest) < len(pubs) {
			t.targets[name] = rest
			if len(rest) == 0 {
				delete(t.targets, name)
				return name
			}
		}
	}
	return ""
}

// wants reports whether the directory with this absolute name is needed.
func (t *tree) wants(dir string) bool {
	if real, ok := within(dir, t.real); ok && len(t.published(real)) > 0 {
		return true
	}
	for name := range t.targets {
		if filepath.Dir(name) == dir {
			return true
		}
	}
	return slices.Contains(t.above, dir)
}

// compare calls emit for what differs between two walks of a polled root and
// reports whether the rules do.
func compare(before, after *tree, emit func(pub string, op Op)) (rules bool) {
	rules = before.top != after.top
	eachFile := func(t *tree, f func(pub, name string, s *stamp)) {
		for dir, n := range t.nodes {
			for name, s := range n.stamps {
				f(path.Join(dir, name), name, s)
			}
		}
		for name, s := range t.states {
			f(name, path.Base(filepath.ToSlash(name)), s)
		}
	}
	lookup := func(t *tree, pub, name string) *stamp {
		if s := t.states[pub]; s != nil {
			return s
		}
		dir := strings.TrimSuffix(strings.TrimSuffix(pub, name), "/")
		if n := t.nodes[dir]; n != nil {
			return n.stamps[name]
		}
		return nil
	}
	tell := func(pub, name string, op Op) {
		if isRule(name) && after.only == nil {
			rules = true
			return
		}
		emit(pub, op)
	}
	eachFile(before, func(pub, name string, _ *stamp) {
		if lookup(after, pub, name) == nil {
			tell(pub, name, Removed)
		}
	})
	eachFile(after, func(pub, name string, s *stamp) {
		switch old := lookup(before, pub, name); {
		case old == nil:
			tell(pub, name, Created)
		case *old != *s:
			tell(pub, name, Modified)
		}
	})
	return rules
}

// splitPath parts a published path into its directory, "" for the root, and
// its name.
func splitPath(pub string) (dir, name string) {
	dir, name = path.Split(pub)
	return strings.TrimSuffix(dir, "/"), name
}

// without returns list without s, in a slice of its own.
func without(list []string, s string) []string {
	var out []string
	for _, x := range list {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}
