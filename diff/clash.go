package diff

import "assetsync/manifest"

// withoutClashes returns the changes that can be made on a side without
// making a path both a file and a directory; each other one becomes a
// conflict.
//
// Known here: each side by itself is a valid tree, and so are the new entries
// among themselves, for they all come from the other side's tree. A clash is
// therefore always between a created path and one that stays. Leaving out a
// create cannot cause another clash, so one pass is enough.
func (t *three) withoutClashes(changes []Change, side Side, conflict func(Change) Conflict) []Change {
	stays := newOccupied(side, changes)
	var kept []Change
	for _, c := range changes {
		other, clash := stays.inTheWay(c.Path)
		if c.Old != nil || !clash {
			kept = append(kept, c)
			continue
		}
		out := conflict(c)
		out.Base, out.Clash = t.in.Base[c.Path], other
		t.plan.Conflicts = append(t.plan.Conflicts, out)
	}
	return kept
}

func publishClash(c Change) Conflict  { return Conflict{Path: c.Path, Local: c.New, Why: WhyClash} }
func checkoutClash(c Change) Conflict { return Conflict{Path: c.Path, Remote: c.New, Why: WhyClash} }

// occupied are the names of a side that stay in use whatever is created.
type occupied struct {
	files map[manifest.Path]struct{}
	dirs  map[manifest.Path]manifest.Path // with one path that needs the directory
}

// newOccupied collects what the deletes among the changes leave of a side.
// What is unknown counts as there: it may be.
func newOccupied(side Side, changes []Change) occupied {
	o := occupied{map[manifest.Path]struct{}{}, map[manifest.Path]manifest.Path{}}
	deleted := make(map[manifest.Path]struct{})
	for _, c := range changes {
		if c.New == nil {
			deleted[c.Path] = struct{}{}
		}
	}
	for e := range side.Tree.All() {
		if _, ok := deleted[e.Path]; !ok {
			o.addFile(e.Path)
		}
	}
	for _, u := range side.Unknown {
		o.addFile(u.Path)
	}
	return o
}

func (o occupied) addFile(p manifest.Path) {
	o.files[p] = struct{}{}
	for dir := range p.Dirs {
		if _, ok := o.dirs[dir]; !ok {
			o.dirs[dir] = p
		}
	}
}

// inTheWay returns the path that keeps p from being created, if there is one.
func (o occupied) inTheWay(p manifest.Path) (manifest.Path, bool) {
	for dir := range p.Dirs {
		if _, ok := o.files[dir]; ok {
			return dir, true
		}
	}
	below, ok := o.dirs[p]
	return below, ok
}
