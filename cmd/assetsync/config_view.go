package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"assetsync/manifest"
)

// View returns what Expand needs to see: the files below c.Dir. Symbolic
// links are followed, also out of it: see [ExpandOptions.LeadsOut].
func (c *Config) View() fs.FS { return os.DirFS(c.Dir) }

// LeadsOut reports whether a name below c.Dir leads out of it by a symbolic link.
func (c *Config) LeadsOut(name string) bool {
	if c.top() == "" {
		return false
	}
	_, err := manifest.RealBelow(c.top(), c.osPath(name))
	return errors.Is(err, manifest.ErrLeadsOut)
}

// top is the directory that all targets lie in; "" when the command line names
// the target, and a link may lead anywhere.
func (c *Config) top() string {
	if c.File == "" {
		return ""
	}
	return c.Dir
}

// refuseOutside finds sources that links lead out of the config's directory to: a
// repository that somebody else made would read and write anywhere.
func (x *expander) refuseOutside() {
	if x.opts.LeadsOut == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(x.sources)) {
		s := x.sources[name]
		switch {
		case !x.opts.LeadsOut(name):
		case s.byName:
			x.add(x.at(s), "", "target %s %s", quoted(name), leadsOut)
		default:
			delete(x.sources, name)
			x.part[name] = leadsOut
		}
	}
}

const leadsOut = "leads out of the directory of the config by a symbolic link: put a directory in its place, or move the config up"

// view is the directory of a config as it is, or as a git revision has it.
type view struct {
	matcher
	rev string // "" for the directory
}

// hit is what an entry matches, and the view that has it.
type hit struct {
	match
	view *view
}

// revOf returns the revision that settings publish in this expansion.
func (x *expander) revOf(t TargetConfig) string {
	if x.opts.Rev != "" {
		return x.opts.Rev
	}
	return t.revOf()
}

// revisions returns the git revisions that entries publish, each once.
func (c *Config) revisions() (revs []string) {
	for _, t := range c.Targets {
		if rev := t.revOf(); rev != "" && !slices.Contains(revs, rev) {
			revs = append(revs, rev)
		}
	}
	return revs
}

// openViews opens those that any entry may need.
func (x *expander) openViews(fsys fs.FS) {
	opened := map[string]bool{}
	for i, t := range x.config.Targets {
		rev := x.revOf(t)
		if opened[rev] {
			continue
		}
		opened[rev] = true
		at := fsys
		if rev != "" {
			var err error
			if at, err = x.inGit(rev); err != nil {
				x.add(t.Path.At, entryKey(i), "cannot look at %s in git: %v", quoted(t.Path.V), err)
				continue
			}
		}
		x.views = append(x.views, &view{matcher{fsys: at, cache: map[reach][]match{}}, rev})
	}
}

// inGit returns the view of a git revision.
func (x *expander) inGit(rev string) (fs.FS, error) {
	if x.opts.At == nil {
		return nil, errors.New("there is no git repository")
	}
	return x.opts.At(rev)
}

// view returns the view of a revision; nil when it could not be opened, or no
// entry by itself needs it.
func (x *expander) view(rev string) *view {
	i := slices.IndexFunc(x.views, func(v *view) bool { return v.rev == rev })
	if i < 0 {
		return nil
	}
	return x.views[i]
}

// viewOf returns the view that counts for a source.
func (x *expander) viewOf(s *source) *view { return x.view(x.revOf(x.settings(s))) }

// inRevision ends a sentence about what is in a revision.
func inRevision(rev string) string {
	if rev == "" {
		return ""
	}
	return " in git revision " + shortRev(rev)
}

// shortRev is how people are shown a revision: of an id the first digits.
func shortRev(rev string) string {
	if len(rev) == 40 && strings.Trim(rev, "0123456789abcdef") == "" {
		return rev[:shortCommit]
	}
	return rev
}

// notIn is the reason why something that another view has is no target.
func notIn(rev string) string {
	if rev == "" {
		return "is in git only, not in the directory"
	}
	return "is not" + inRevision(rev)
}

// sortedHits returns hits in the order of one walk.
func sortedHits(hits []hit) []hit {
	sorted := slices.Clone(hits)
	slices.SortStableFunc(sorted, func(a, b hit) int {
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
	return sorted
}
