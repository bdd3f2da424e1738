package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"assetsync/manifest"
	"assetsync/manifest/secrets"
	"assetsync/remote/assettype"
)

// Finding is one place that breaks a rule.
type Finding struct {
	Rule     string             `json:"rule"` // one of [Rules]
	Severity assettype.Severity `json:"severity"`
	Path     manifest.Path      `json:"path,omitempty"`   // of the file; "" when it is about the asset
	Line     int                `json:"line,omitempty"`   // from 1; 0: the file as a whole
	Column   int                `json:"column,omitempty"` // in characters, from 1; 0 with Line 0
	Field    string             `json:"field,omitempty"`  // JSON pointer: "/metadata/agent_types"
	Message  string             `json:"message"`          // what is wrong, a clause without a full stop
	Fix      string             `json:"fix"`              // what to do, a clause without a full stop
	Fixable  bool               `json:"fixable"`          // Edit does it

	Edit *Edit `json:"-"` // the fix, where it is mechanical
}

// Edit replaces the bytes from Start to before End of the file by New.
type Edit struct {
	Start, End int
	New        string
}

// Asset is what is about to be published.
type Asset struct {
	Type     assettype.Type
	Files    manifest.Bundle
	Metadata map[string]any // that is sent with it

	// Owned are those of its keys that the config sets.
	Owned map[string]any

	// Ignored reports whether the ignore rules leave a path out. Nil: nothing is
	// known of that.
	Ignored func(manifest.Path) bool

	// Secrets looks for credentials in files, their names, and owned keys, but in
	// what MayBeSecret matches: a path, or [MetadataPath]. Nil: nobody does.
	Secrets     *secrets.Scanner
	MayBeSecret manifest.Patterns
}

// Check returns what is wrong, in order of path and place; what is about the
// asset comes first. The bytes of all files must be there.
func Check(a Asset) []Finding {
	found, _ := new(Known).Check(a)
	return found
}

// findings applies the rules, from what docs knows of the files.
func (a Asset) findings(docs *documents) []Finding {
	var out []Finding
	for _, f := range assettype.Check(a.Type, a.Files, a.Metadata) {
		out = append(out, ofType(f))
	}
	addFrontmatterEdits(a, out)
	out = append(out, a.secretKeys()...)
	for e := range a.Files.Tree().All() {
		out = append(out, a.checkFile(e, docs.fact(e))...)
		out = append(out, docs.checkLinks(e)...)
	}
	return out
}

// checkFile tells of what any file may hold.
func (a Asset) checkFile(e manifest.Entry, f *fact) []Finding {
	out := slices.Clone(f.own)
	if a.Secrets != nil && !a.MayBeSecret.Match(e.Path) {
		content, _ := a.Files.Content(e.Path)
		out = append(out, secretsIn(a.Secrets.Scan(content))...)
		for _, s := range a.Secrets.ScanName(string(e.Path)) {
			out = append(out, newFinding("secret", fmt.Sprintf("the name of the file looks like a credential (%s)", s.Rule)))
		}
	}
	for i := range out {
		out[i].Path = e.Path
	}
	return out
}

// MetadataPath names a key of the metadata as the config does, where files are
// named by their paths.
func MetadataPath(key string) manifest.Path { return manifest.Path("metadata." + key) }

// secretKeys looks at the values that the config sets.
func (a Asset) secretKeys() (out []Finding) {
	if a.Secrets == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(a.Owned)) {
		if a.MayBeSecret.Match(MetadataPath(key)) {
			continue
		}
		for _, f := range secretsIn(a.Secrets.ScanValue(key, a.Owned[key])) {
			f.Line, f.Column, f.Field = 0, 0, "/metadata/"+key
			out = append(out, f)
		}
	}
	return out
}

func secretsIn(places []secrets.Finding) (out []Finding) {
	for _, s := range places {
		f := newFinding("secret", fmt.Sprintf("looks like a credential (%s: %s)", s.Rule, s.Excerpt))
		f.Line, f.Column = s.Line, s.Column
		out = append(out, f)
	}
	return out
}

// ofType turns a finding of the asset's type into one of ours.
func ofType(f assettype.Finding) Finding {
	return Finding{
		Rule: f.Rule, Severity: f.Severity, Path: f.Path, Line: f.Line, Column: f.Column, Field: f.Field,
		Message: f.Message, Fix: cmp.Or(f.Fix, fixOf(f.Rule)),
	}
}

// OfProblem turns what a scan could not publish into an error.
func OfProblem(p manifest.Problem) Finding {
	return Finding{
		Rule: string(p.Kind), Severity: assettype.Error, Path: p.Path,
		Message: p.Detail, Fix: cmp.Or(p.Hint, fixOf(string(p.Kind))),
	}
}

// newFinding makes a finding of the severity and with the fix of its rule.
func newFinding(rule, message string) Finding {
	r := mustRule(rule)
	return Finding{Rule: rule, Severity: r.Severity, Message: message, Fix: r.Fix}
}

// edited gives a finding its mechanical fix.
func (f Finding) edited(start, end int, text string) Finding {
	f.Edit, f.Fixable = &Edit{start, end, text}, true
	return f
}

// Sorted puts findings in order: what is about the asset as a whole, then
// files by path and place.
func Sorted(list []Finding) []Finding {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}

// absences are the rules about what is not there.
var absences = []string{"main-file", "wrapping-folder", "single-file", "frontmatter-required", ruleDeadLink, ruleDeadAnchor, ruleLinkCase, ruleFromRoot}

// WithoutAbsences leaves out the findings that say that something is missing:
// nobody knows that of files that could not all be read.
func WithoutAbsences(list []Finding) []Finding {
	return slices.DeleteFunc(list, func(f Finding) bool { return slices.Contains(absences, f.Rule) })
}

// Errors returns the findings that stop a publish.
func Errors(list []Finding) []Finding { return ofSeverity(list, assettype.Error) }

// Warnings returns the findings that stop nothing.
func Warnings(list []Finding) []Finding { return ofSeverity(list, assettype.Warning) }

func ofSeverity(list []Finding, s assettype.Severity) (out []Finding) {
	for _, f := range list {
		if f.Severity == s {
			out = append(out, f)
		}
	}
	return out
}
