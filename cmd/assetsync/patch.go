package main

import (
	"slices"
	"strings"

	"assetsync/diff"
	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// patch is the difference of one target.
type patch struct {
	target   Target
	single   bool            // the target is one file
	limits   []manifest.Path // show only what lies below one of them; none: all
	old, new assetsync.Contents
	changes  []diff.Change
	metadata []assetsync.MetadataChange
}

func (a *app) newPatch(t Target, limits []manifest.Path) *patch {
	return &patch{target: t, single: !isDirType(t.Type), limits: limits}
}

// patches are the differences of targets, still empty.
func (a *app) patches(targets []Target, paths []string) map[string]*patch {
	patches := make(map[string]*patch, len(targets))
	for _, t := range targets {
		patches[t.Name] = a.newPatch(t, a.pathsIn(t, paths))
	}
	return patches
}

// compare finds the changes, and puts them into the result. Metadata belongs to
// no path.
func (p *patch) compare(res assetsync.Result) assetsync.Result {
	for _, c := range diff.Two(p.old.Bundle.Tree(), p.new.Bundle.Tree()) {
		if len(p.limits) == 0 || slices.ContainsFunc(p.limits, c.Path.Under) {
			p.changes = append(p.changes, c)
			res.Changes = append(res.Changes, assetsync.ChangeReport{Path: c.Path, Action: string(c.Action()), Why: string(c.Why)})
		}
	}
	if len(p.limits) == 0 {
		p.metadata = assetsync.CompareMetadata(p.old, p.new)
		res.MetadataChanges = append(res.MetadataChanges, p.metadata...)
	}
	if len(p.changes)+len(p.metadata) > 0 {
		res.Outcome = assetsync.Planned
	}
	return res
}

// name is a path of the target as people know it, relative to the config.
func (p *patch) name(path manifest.Path) string {
	if p.single {
		return p.target.Name
	}
	return p.target.Name + "/" + string(path)
}

// metadataHead begins the lines about the metadata of a target, which git and
// patch pass over.
const metadataHead = "metadata "

// write writes what a view shows of the difference; stats are collected.
func (p *patch) write(b *strings.Builder, view diffView, stats *[]diff.FileStat) {
	if !view.stat && !view.nameOnly {
		p.writeMetadata(b)
	}
	for _, m := range diff.Moves(p.changes) {
		switch {
		case view.nameOnly:
			b.WriteString(diff.Quoted(p.name(m.Path)) + "\n")
		case view.stat:
			*stats = append(*stats, p.stat(m))
		default:
			b.WriteString(p.text(m))
		}
	}
}

// writeMetadata shows each key on one line for each side that has it.
func (p *patch) writeMetadata(b *strings.Builder) {
	if len(p.metadata) > 0 {
		b.WriteString(metadataHead + diff.Quoted(p.target.Name) + "\n")
	}
	for _, c := range p.metadata {
		if c.Old != nil {
			b.WriteString("- " + diff.Quoted(c.Key) + ": " + jsonText(c.Old) + "\n")
		}
		if c.New != nil {
			b.WriteString("+ " + diff.Quoted(c.Key) + ": " + jsonText(c.New) + "\n")
		}
	}
}

// text is the patch of one file in git's form.
func (p *patch) text(m diff.Move) string {
	name := p.name(m.Path)
	if m.From != "" {
		return diff.Renamed(p.name(m.From), name)
	}
	oldName, newName := name, name
	if m.Old == nil {
		oldName = diff.DevNull
	}
	if m.New == nil {
		newName = diff.DevNull
	}
	old, new := p.contents(m.Change)
	return diff.Unified(oldName, newName, old, new, diff.DefaultContext)
}

func (p *patch) stat(m diff.Move) diff.FileStat {
	if m.From != "" {
		return diff.FileStat{Path: diff.RenamedPath(manifest.Path(p.name(m.From)), manifest.Path(p.name(m.Path)))}
	}
	old, new := p.contents(m.Change)
	return diff.StatOf(manifest.Path(p.name(m.Path)), old, new)
}

func (p *patch) contents(c diff.Change) (old, new []byte) {
	old, _ = p.old.Bundle.Content(c.Path)
	new, _ = p.new.Bundle.Content(c.Path)
	return old, new
}
