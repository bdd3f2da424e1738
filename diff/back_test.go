package diff

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

// TestTakeBack decides about one path beside another that stays.
func TestTakeBack(t *testing.T) {
	a, b, c := entryOf("p", "a"), entryOf("p", "b"), entryOf("p", "c")
	tests := map[string]struct {
		now, to *manifest.Entry
		from    []*manifest.Entry
		unknown bool
		ignored bool
		prefer  Prefer
		form    map[manifest.ID]manifest.ID
		want    string // the list and the reason; "" for nothing
	}{
		"known":                        {now: b, from: []*manifest.Entry{b}, to: a, want: "publish: taken back"},
		"one of those known":           {now: b, from: []*manifest.Entry{c, b}, to: a, want: "publish: taken back"},
		"made":                         {now: b, from: []*manifest.Entry{b}, to: nil, want: "publish: taken back"},
		"deleted":                      {now: nil, from: []*manifest.Entry{nil}, to: a, want: "publish: taken back"},
		"it is back":                   {now: a, from: []*manifest.Entry{b}, to: a},
		"it is gone as it was":         {now: nil, from: []*manifest.Entry{b}, to: nil},
		"changed since":                {now: c, from: []*manifest.Entry{b}, to: a, want: "conflict: changed since"},
		"deleted since":                {now: nil, from: []*manifest.Entry{b}, to: a, want: "conflict: changed since"},
		"made since":                   {now: c, from: []*manifest.Entry{nil}, to: a, want: "conflict: changed since"},
		"changed since, local":         {now: c, from: []*manifest.Entry{b}, to: a, prefer: Local, want: "publish: " + string(WhyBackPrefer)},
		"changed since, remote":        {now: c, from: []*manifest.Entry{b}, to: a, prefer: Remote, want: "pending: " + string(WhyStays)},
		"unknown":                      {now: b, from: []*manifest.Entry{b}, to: a, unknown: true, prefer: Local, want: "frozen: unknown there"},
		"ignored":                      {now: b, from: []*manifest.Entry{b}, to: a, ignored: true},
		"back but for line ends":       {now: c, from: []*manifest.Entry{b}, to: a, form: map[manifest.ID]manifest.ID{c.ID: a.ID}},
		"known but for its line ends":  {now: c, from: []*manifest.Entry{b}, to: a, form: map[manifest.ID]manifest.ID{c.ID: b.ID}, want: "publish: taken back"},
		"nothing known, and not there": {now: nil, from: []*manifest.Entry{nil}, to: nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			entries := []manifest.Entry{*entryOf("stays", "x")}
			if test.now != nil {
				entries = append(entries, *test.now)
			}
			tree, err := manifest.NewTree(entries...)
			if err != nil {
				t.Fatal(err)
			}
			in := BackInput{
				Side: Side{Tree: tree}, Paths: []Back{{"p", test.from, test.to}}, Prefer: test.prefer, Form: test.form,
				Ignored: func(manifest.Path) bool { return test.ignored },
			}
			if test.unknown {
				in.Side.Unknown = manifest.UnknownSet{{Path: "p", Reason: "hidden"}}
			}
			if got := listed(TakeBack(in)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// listed is the one list and reason of a plan about one path.
func listed(p Plan) (out string) {
	for _, c := range p.Publish {
		out += "publish: " + string(c.Why)
	}
	for _, c := range p.Pending {
		out += "pending: " + string(c.Why)
	}
	for _, c := range p.Conflicts {
		out += "conflict: " + string(c.Why)
	}
	for _, f := range p.Frozen {
		out += "frozen: " + string(f.Why)
	}
	return out
}

func entryOf(path manifest.Path, content string) *manifest.Entry {
	return &manifest.Entry{Path: path, ID: manifest.BlobID([]byte(content)), Size: int64(len(content))}
}

// TestTakeBackClash does not put a file where a directory is needed, whatever is
// preferred.
func TestTakeBackClash(t *testing.T) {
	tree, err := manifest.NewTree(*entryOf("p/x", "x"))
	if err != nil {
		t.Fatal(err)
	}
	p := TakeBack(BackInput{Side: Side{Tree: tree}, Paths: []Back{{"p", []*manifest.Entry{nil}, entryOf("p", "a")}}, Prefer: Local})
	want := []Conflict{{Path: "p", Local: entryOf("p", "a"), Why: WhyClash, Clash: "p/x"}}
	if d := cmp.Diff(want, p.Conflicts); d != "" || len(p.Publish) > 0 {
		t.Errorf("(-want +got):\n%s", d)
	}
}
