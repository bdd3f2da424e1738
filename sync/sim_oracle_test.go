package sync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// What the oracle judges from is the remote's own log, what the writers did,
// and what they were told: never how the engine explains it.

// heard takes note of what a run told its worker.
func (w *simWorker) heard(r *simRun, res assetsync.Result, before map[string]string, changed map[string]bool) {
	after := w.files()
	w.conflict, w.outcome = nil, string(res.Outcome)
	for _, c := range res.Conflicts {
		w.conflict = append(w.conflict, string(c.Path))
		w.shown[string(c.Path)] = w.heldAt(res.Version, string(c.Path))
	}
	if !w.settled {
		w.totals.conflicts += len(w.conflict)
	}
	w.note("%s: %s v%d->%d by %s | %s", r, res.Outcome, res.ObservedVersion, res.Version, res.Published, strings.ReplaceAll(strings.TrimSpace(describe(res)), "\n", " / "))
	w.warned = w.warned || res.Error != nil && res.Error.Kind == assetsync.KindConflict && len(res.Conflicts) == 0 || toldOfPruned(res)
	w.judgeConflicts(r, res)
	w.judgeCount(r, res)
	w.judgeEcho(r, res, before)
	w.published = 0
	if r.publishes() && res.Error == nil && len(w.broken) == 0 && len(res.Conflicts)+len(res.Pending)+len(res.Problems) == 0 && !toldOfMerge(res) && maps.Equal(before, after) && w.isLive(after) {
		w.published, w.held = len(w.line), after
	}
	if r.checksOut() {
		w.judgeCheckout(r, before, after)
	}
	if !r.publishes() || res.Error != nil {
		return
	}
	switch res.Outcome {
	case assetsync.Unchanged, assetsync.Published, assetsync.Created:
	default:
		return
	}
	for _, p := range slices.Sorted(maps.Keys(changed)) {
		content, same := before[p], before[p] == after[p]
		if !same || slices.Contains(w.conflict, p) || slices.ContainsFunc(res.Pending, func(c assetsync.ChangeReport) bool { return string(c.Path) == p }) {
			continue
		}
		delete(w.changed, p)
		for _, m := range marksIn(p, content) {
			w.ledger.saved = append(w.ledger.saved, simSaved{m, w.name, len(w.line)})
		}
	}
}

// heldAt is what a version held of a path, at the end.
func (s *sim) heldAt(version int32, path string) string {
	for _, v := range slices.Backward(s.line) {
		if v.version == version {
			return v.files[path]
		}
	}
	return ""
}

// judgeConflicts wants conflicts only where two writers meant one path.
func (w *simWorker) judgeConflicts(r *simRun, res assetsync.Result) {
	for _, p := range w.conflict {
		if r.goesBack && w.changed[p] || r.takesBack() || r.verb == "undo --local" {
			continue // what is not saved, or was not seen here, is not replaced by something older
		}
		if _, broken := w.broken[p]; !broken && !w.ledger.contested(p) && !w.torn(p) && !w.slippedIn(r, p) {
			w.violate("conflict", r, p, "%s calls %s a conflict, which no two have changed", r, p)
		}
	}
}

// isLive reports whether files are what is live, but for what the service rewrites.
func (s *sim) isLive(files map[string]string) bool {
	live := s.line[len(s.line)-1].files
	for p := range files {
		if _, there := live[p]; !there || !s.alike(p, files[p], live[p]) {
			return false
		}
	}
	return len(files) == len(live)
}

// toldOfPruned reports whether a worker was told that the version which a push had
// looked at was gone before the push could look whether it had changed in place.
func toldOfPruned(res assetsync.Result) bool {
	return slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "can no longer be read, so a change") })
}

// toldOfMerge reports whether a worker was told that a pull has something for him.
func toldOfMerge(res assetsync.Result) bool {
	return slices.ContainsFunc(res.Notes, func(n string) bool { return strings.HasPrefix(n, "merged with ") })
}

// judgeEcho wants a run that follows one of its own, with nothing in between, to
// find nothing to do: what the service made of our own write is ours.
func (w *simWorker) judgeEcho(r *simRun, res assetsync.Result, before map[string]string) {
	switch {
	case r.began != w.published || len(w.line) > w.published && !w.line[w.published].madeBy(r):
	case !maps.Equal(before, w.held), len(w.latest) > 0: // saved since, or during the run
	case r.goesBack, r.takesBack(), r.verb == "undo --local", r.short > 0, res.Error != nil:
	default:
		for _, c := range slices.Concat(res.Changes, res.CheckedOut, res.Pending) {
			w.violate("echo", r, string(c.Path), "%s finds %s to do right after a run of its own that had left nothing", r, c.Path)
		}
	}
}

// slippedIn reports whether a line of a file was saved while another one of it was
// about to be checked out: the save stays, and the next run merges.
func (w *simWorker) slippedIn(r *simRun, path string) bool {
	_, saved := w.latest[path]
	return saved && r.checksOut() && w.story.kind == byLine
}

// torn reports whether a write has replaced something of a path without knowing
// it, or carried on what was deleted: until that is put back, what is live looks
// like a change of somebody's.
func (s *sim) torn(path string) bool {
	for i := 1; i < len(s.line); i++ {
		_, was := s.line[i-1].files[path]
		carried, is := s.line[i].files[path]
		if !was && is && s.line[i].run != nil && !s.line[i].run.consent && s.wasThere(path, carried, i-1) {
			return true
		}
		for _, m := range marksIn(path, s.line[i-1].files[path]) {
			if !s.line[i].holds(m) && !s.replacedKnowing(m, s.line[i]) {
				return true
			}
		}
	}
	return false
}

// wasThere reports whether a path had a content before a point of the timeline.
func (s *sim) wasThere(path, content string, before int) bool {
	return slices.ContainsFunc(s.line[:before], func(v simVersion) bool { return v.files[path] == content })
}

// judgeCount wants no more writes than the plan named, and one for each that
// was in doubt.
func (w *simWorker) judgeCount(r *simRun, res assetsync.Result) {
	made, slips := 0, 0 // slips: how often others came between two looks
	for i, v := range w.line {
		if v.run != r || v.who == "service" {
			continue
		}
		made++
		if i > r.began && w.line[i-1].run != r {
			slips++
		}
	}
	named := max(1, len(res.Changes)+len(res.MetadataChanges))
	for _, c := range res.Changes {
		if strings.Contains(c.Why, "put back") || strings.Contains(c.Why, "at the same time: merged") {
			named += max(1, slips) // each stands in the place of the change that it undoes
		}
	}
	if made > named+r.doubts && res.Error == nil {
		w.violate("count", r, "", "%s made %d writes; its plan named %d, and %d were in doubt", r, made, named, r.doubts)
	}
}

// judgeCheckout wants a pull to take nothing from the directory but what the
// remote has had.
func (w *simWorker) judgeCheckout(r *simRun, before, after map[string]string) {
	for _, p := range slices.Sorted(maps.Keys(before)) {
		is, there := after[p]
		was := before[p]
		if saved, ok := w.latest[p]; ok {
			was = saved
		}
		switch {
		case was == "":
			continue
		case is == was && there, (w.deleted[p] || w.saving == p) && !there, r.consent:
			continue
		case !there && !slices.ContainsFunc(w.line, func(v simVersion) bool { _, held := v.files[p]; return !held }):
			w.violate("pull", r, p, "%s deleted %s, which the remote has always had", r, p)
		case w.changed[p] && !w.isEdited(p, is) && !w.known(p, was, is), !w.keepsOwn(p, was, is):
			w.violate("pull", r, p, "%s replaced %s, which was not saved: %v by %v", r, p, marks(p, was), marks(p, is))
		}
	}
}

// keepsOwn reports whether a content holds what the worker has said in another,
// unless that was published: where every writer has lines of his own.
func (w *simWorker) keepsOwn(path, before, after string) bool {
	own, now := w.ledger.markOf(w.name, path, before), w.ledger.markOf(w.name, path, after)
	return w.story.kind != byLine || own.mark == "" || w.ledger.knew(now, own) || lastHolding(w.line, own) >= 0
}

// isEdited reports whether a content is what the worker has put there himself.
func (w *simWorker) isEdited(path, content string) bool {
	return slices.ContainsFunc(marksIn(path, content), func(m simMark) bool { return w.ledger.by[m] == w.name })
}

// known reports whether who wrote content knew old, or old was published.
func (s *sim) known(path, old, content string) bool {
	for _, o := range marksIn(path, old) {
		if lastHolding(s.line, o) >= 0 {
			return true
		}
		for _, m := range marksIn(path, content) {
			if s.ledger.knew(m, o) {
				return true
			}
		}
	}
	return len(marksIn(path, old)) == 0
}

// judgeWrite judges a write when it has its effect.
func (s *sim) judgeWrite(i int) {
	v := s.line[i]
	s.totals.versions++
	if v.run == nil || i == 0 {
		return
	}
	was := s.line[i-1]
	if v.same(was) && v.run.looked == i && !v.run.late {
		s.violate("no-op", v.run, "", "%s writes what it has just seen there: %s", v.run, v.op)
	}
	if was.run != v.run && i > v.run.began {
		v.run.foreign = true
	}
	w := s.workers[v.run.worker.name]
	if w == nil || v.run.verb == "job" || v.run.consent {
		return
	}
	for p, content := range v.files {
		if content != was.files[p] && s.story.kind == byLine && !s.alike(p, content, w.file(p)) {
			s.totals.merges++
		}
	}
	for p := range was.files {
		_, there := v.files[p]
		if !there && !w.deleted[p] && !s.youngerThan(p, i-1, v.run.began) && !s.isRepair(p, v.run.began) {
			s.violate("deletion", v.run, p, "%s deletes %s, which nobody deleted on %s", v.run, p, w.name)
		}
	}
}

// youngerThan reports whether what is at a path at a point of the timeline came
// there after another point.
func (s *sim) youngerThan(path string, at, than int) bool {
	i := at
	for i > 0 && s.line[i-1].files[path] == s.line[at].files[path] {
		i--
	}
	return i >= than
}

// isRepair reports whether a path was absent at some point that a run has to
// account for, so that it may put that back.
func (s *sim) isRepair(path string, began int) bool {
	return slices.ContainsFunc(s.line, func(v simVersion) bool { _, there := v.files[path]; return !there })
}

// finish stops all faults, lets everybody get in step, and judges the end.
func (s *sim) finish() {
	for _, name := range slices.Sorted(maps.Keys(s.workers)) {
		s.workers[name].wait()
	}
	for _, w := range s.machines() {
		w.mend()
	}
	s.settled = true
	s.note("the faults stop")
	s.nap(0, 30*time.Minute) // every write in doubt is over, and had its effect
	for range 60 {           // those that wait for requests
		if _, err := s.reader.GetAsset(context.Background(), getAsset(s)); err != nil {
			panic(err)
		}
	}
	s.observe()
	const rounds = 8
	last := ""
	for round := 0; ; round++ {
		if s.story.git {
			s.job(0, simHarm{}, uint64(round))
			s.workers["ci"].wait()
		}
		for _, name := range []string{"push", "pull"} {
			for _, w := range s.machines() {
				s.calm(w, name)
			}
		}
		now := s.fingerprint()
		if now == last {
			break
		}
		if last = now; round == rounds {
			s.violate("rest", nil, "", "after %d rounds without faults something still changes", rounds)
			break
		}
	}
	s.judgeState()
	s.judgeStep()
	s.judgeSaved()
}

// calm runs a verb to which nothing happens.
func (s *sim) calm(w *simWorker, name string) {
	for _, a := range simActions() {
		if a.name == name {
			seed := uint64(len(s.runs))
			w.run(name, simHarm{}, seed, func(r *simRun, e *assetsync.Engine) assetsync.Result {
				if name == "push" {
					return e.Push(context.Background(), r.options(assetsync.PushOptions{}))
				}
				r.remoteOnly = true
				return e.Pull(context.Background(), assetsync.PullOptions{Consent: assetsync.Consent{Deletes: 100, Empty: true}})
			})
			w.wait()
			return
		}
	}
}

// fingerprint is all that may still change.
func (s *sim) fingerprint() string {
	var parts []string
	parts = append(parts, itoa(len(s.line)))
	for _, w := range s.machines() {
		files := w.files()
		for _, p := range slices.Sorted(maps.Keys(files)) {
			parts = append(parts, w.name, p, files[p])
		}
		parts = append(parts, w.dump())
	}
	return strings.Join(parts, "\x00")
}

// dump is the state of a machine, without what tells of the time.
func (w *simWorker) dump() string {
	db, err := state.Open(filepath.Join(w.state, "state.db"), state.Owner{})
	must(err)
	defer func() { must(db.Close()) }()
	target, err := db.Target(w.space, "demo")
	must(err)
	asset, err := db.Asset(w.space, w.asset)
	must(err)
	return fmt.Sprintf("%+v", struct {
		Base   string
		Target state.Target
		Own    []int32
		Ver    int32
	}{pairs(asset.Base), target, asset.Own, asset.Version})
}

func pairs(base state.ByPath[state.Pair]) string {
	var out []string
	for p, pair := range base.All() {
		one := string(p)
		if pair.Local != nil {
			one += " here " + pair.Local.ID.String()
		}
		if pair.Remote != nil {
			one += " there " + pair.Remote.ID.String()
		}
		out = append(out, one)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// judgeState wants the state of each machine to pass its own check.
func (s *sim) judgeState() {
	for _, w := range s.machines() {
		db, err := state.Open(filepath.Join(w.state, "state.db"), state.Owner{})
		must(err)
		faults, err := db.Check()
		must(err)
		for _, f := range faults {
			s.violate("state", nil, "", "%s: %s", w.name, f)
		}
		must(db.Close())
	}
}

// judgeStep wants every directory to be what is live, but for conflicts.
func (s *sim) judgeStep() {
	live := s.line[len(s.line)-1].files
	for _, w := range s.machines() {
		here := w.files()
		for p := range here {
			s.judgePath(w, p, here[p], live[p])
		}
		for p := range live {
			if _, ok := here[p]; !ok {
				s.judgePath(w, p, "", live[p])
			}
		}
		if len(w.conflict) == 0 && w.outcome != "unchanged" {
			s.violate("step", nil, "", "%s ends with %s", w.name, w.outcome)
		}
	}
	s.judgeMetadata()
	if s.story.kind == together {
		return
	}
	copies := s.copies()
	for owned, m := range s.ledger.last {
		p := owned.path
		switch content, there := live[p]; {
		case s.ledger.unsure[p]:
		case s.inConflict(p) && (s.ledger.contested(p) || s.torn(p)), (s.story.kind == byLine || s.torn(p)) && copies[m]:
			// His own work was overwritten, and back when he had gone on.
		case s.story.kind == byLine && s.replacedByWeb(m):
		case m.mark == "" && there && s.leftHere(p):
			// What he deleted is not what he had taken back before that.
		case m.mark == "" && there:
			s.violate("step", nil, p, "%s was deleted by its only writer and is live", p)
		case m.mark != "" && !strings.Contains(content, m.mark):
			s.violate("step", nil, p, "%s holds %v, and its only writer wrote %s", p, marks(p, content), m.mark)
		}
	}
}

// replacedByWeb reports whether a save of the web app, which knows no merge, came
// at the same moment as what it replaced.
func (s *sim) replacedByWeb(m simMark) bool {
	i := lastHolding(s.line, m)
	return i >= 0 && i+1 < len(s.line) && s.line[i+1].who == "web"
}

// leftHere reports whether the last change of a path was that its writer took
// something back there, and was told that the file here was left as it was.
func (s *sim) leftHere(path string) bool {
	for i := len(s.line) - 1; i > 0; i-- {
		if s.line[i].files[path] != s.line[i-1].files[path] {
			return s.line[i].run != nil && s.line[i].run.left[path]
		}
	}
	return false
}

// judgeMetadata wants the config of one and the status of the web app to be
// live: each has one writer.
func (s *sim) judgeMetadata() {
	var live map[string]any
	must(json.Unmarshal([]byte(s.line[len(s.line)-1].metadata), &live))
	if got := live["agent_types"]; !reflect.DeepEqual(got, any(s.types)) {
		s.violate("step", nil, "", "agent_types is %v, and the only one who changed it has %v", got, s.types)
	}
	if got := live["status"]; s.status != "" && got != s.status {
		s.violate("step", nil, "", "status is %v, and the web app has set it to %s", got, s.status)
	}
}

// inConflict reports whether a machine ends with a path in conflict.
func (s *sim) inConflict(path string) bool {
	return slices.ContainsFunc(s.machines(), func(w *simWorker) bool { return slices.Contains(w.conflict, path) })
}

func (s *sim) judgePath(w *simWorker, path, here, live string) {
	if s.alike(path, here, live) || slices.Contains(w.conflict, path) {
		return
	}
	s.violate("step", nil, path, "%s is %v at %s and %v live, and nobody calls it a conflict", path, marks(path, here), w.name, marks(path, live))
}

// alike compares contents apart from what the service rewrites and line ends
// that do not count.
func (s *sim) alike(path, a, b string) bool {
	if path == "SKILL.md" {
		return slices.Equal(marks(path, a), marks(path, b))
	}
	if s.story.text {
		a, b = strings.ReplaceAll(a, "\r\n", "\n"), strings.ReplaceAll(b, "\r\n", "\n")
	}
	return a == b
}

// judgeSaved wants what a writer was told is saved to be live, or replaced by
// somebody who knew it, or in a conflict copy.
func (s *sim) judgeSaved() {
	copies := s.copies()
	told := map[simMark]bool{}
	for _, saved := range s.ledger.saved {
		if told[saved.simMark] {
			continue
		}
		told[saved.simMark] = true
		i := lastHolding(s.line, saved.simMark)
		s.lostAt = min(i+1, len(s.line)-1)
		switch {
		case i == len(s.line)-1:
		case i >= 0 && s.line[i].run != nil && s.line[i].run == s.line[i+1].run:
			// The run had put it back over something newer, which is back now; a
			// version that can be read holds it.
		case i >= 0 && s.line[i].tookBackDying(s.line[i+1]):
			// The same, of a run that died: the next one of its worker put it back.
		case i < 0:
			s.violate("saved", nil, saved.path, "%s was told that %s of %s is saved, and no version ever held it", saved.who, saved.mark, saved.path)
		case !s.replacedKnowing(saved.simMark, s.line[i+1]) && !copies[saved.simMark]:
			s.violate("saved", nil, saved.path, "%s was told that %s of %s is saved; version %d by %s replaced it by %v, and there is no copy",
				saved.who, saved.mark, saved.path, s.line[i+1].version, s.line[i+1].who, marks(saved.path, s.line[i+1].files[saved.path]))
		}
	}
}

// replacedKnowing reports whether a version that replaced a content was made by
// somebody who knew it.
func (s *sim) replacedKnowing(m simMark, by simVersion) bool {
	if by.who == "web" || by.run != nil && by.run.consent {
		return true
	}
	content, there := by.files[m.path]
	if !there {
		for d, dead := range s.ledger.dead {
			if dead && d.path == m.path && s.ledger.knew(d, m) {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(marksIn(m.path, content), func(n simMark) bool { return s.ledger.knew(n, m) })
}

// copies are the contents that lie in conflict copies.
func (s *sim) copies() map[simMark]bool {
	found := map[simMark]bool{}
	for _, w := range s.workers {
		must(filepath.WalkDir(w.copies.dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(name)
			// demo, the id of the content, and the path
			rel, relErr := filepath.Rel(w.copies.dir, name)
			must(relErr)
			if parts := strings.SplitN(filepath.ToSlash(rel), "/", 3); len(parts) == 3 {
				for _, m := range marksIn(parts[2], string(data)) {
					found[m] = true
				}
			}
			return err
		}))
	}
	return found
}

func diffLogs(a, b []string) string { return cmp.Diff(a, b) }
