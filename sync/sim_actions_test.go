package sync_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	assetsync "assetsync/sync"
)

// simAction is something that somebody may do in a simulation. A new verb is
// one more row of [simActions].
type simAction struct {
	name   string
	who    []string
	weight int       // how often it is chosen, against the others
	kinds  []simKind // of the stories that it is in
	do     func(s *sim, who string, step simStep, rnd *rand.Rand)
}

func (a simAction) can(s simStory, who string) bool {
	return slices.Contains(a.who, who) && slices.Contains(a.kinds, s.kind)
}

func simActions() []simAction {
	machines, people := []string{"one", "two"}, []string{"one", "two", "web"}
	web, dev, ci := []string{"web"}, []string{"dev"}, []string{"ci"}
	// What touches lines, whole files, or the files of others.
	line, file, all := []simKind{together, apart, byLine}, []simKind{together, apart}, []simKind{together}
	return []simAction{
		{"edit", people, 8, line, edit},
		{"edit", dev, 5, line, edit},
		{"edit-many", machines, 3, line, editMany},
		{"delete", people, 3, file, remove},
		{"delete", dev, 2, file, remove},
		{"rename", people, 2, file, rename},
		{"rename", dev, 1, file, rename},
		{"undo", people, 1, line, undoEdit},
		{"revert", dev, 2, line, undoEdit},
		{"save-slowly", machines, 2, line, saveSlowly},
		{"save-in-push", machines, 2, line, saveInPush},
		{"break", machines, 2, line, breakFile},
		{"mend", machines, 2, line, mendAll},
		{"power-cut", machines, 2, line, powerCut},
		{"create-in-place", web, 4, file, createInPlace},
		{"restore", web, 2, all, restore},
		{"take-over", dev, 2, all, takeOver},
		{"push", machines, 10, line, verb("push", false, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Push(context.Background(), r.options(assetsync.PushOptions{}))
		})},
		{"push-atomic", machines, 1, line, verb("push", false, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Push(context.Background(), r.options(assetsync.PushOptions{OneVersion: true}))
		})},
		{"push-prefer-local", machines, 1, all, verb("push", true, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Push(context.Background(), r.options(assetsync.PushOptions{Prefer: diff.Local}))
		})},
		{"pull", machines, 6, line, verb("pull", false, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Pull(context.Background(), assetsync.PullOptions{Consent: assetsync.Consent{Deletes: 100}})
		})},
		{"pull-prefer-remote", machines, 1, all, verb("pull", true, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Pull(context.Background(), assetsync.PullOptions{Prefer: diff.Remote, Consent: assetsync.Consent{Deletes: 100}})
		})},
		{"pull-version", machines, 1, all, verb("pull", true, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			r.goesBack = true
			version := r.sim.line[r.rnd.IntN(len(r.sim.line))].version
			return e.Pull(context.Background(), assetsync.PullOptions{Version: version, Consent: assetsync.Consent{Deletes: 100}})
		})},
		{"take-back", machines, 1, file, verb("undo", true, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			_, res := e.Undo(context.Background(), assetsync.BackOptions{Consent: assetsync.Consent{Deletes: 100}})
			return res
		})},
		{"take-back-local", machines, 1, all, verb("undo --local", true, func(_ *simRun, e *assetsync.Engine) assetsync.Result {
			_, res := e.UndoLocal(context.Background(), assetsync.BackOptions{Consent: assetsync.Consent{Deletes: 100}})
			return res
		})},
		{"restore-file", machines, 1, file, verb("restore", true, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			version := r.sim.line[r.rnd.IntN(len(r.sim.line))].version
			paths := []manifest.Path{manifest.Path(pick(r.rnd, r.sim.paths(r.worker.name)...))}
			_, res := e.Restore(context.Background(), version, paths, assetsync.BackOptions{Consent: assetsync.Consent{Deletes: 100}})
			return res
		})},
		{"restore-version", machines, 1, all, verb("restore", true, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			version := r.sim.line[r.rnd.IntN(len(r.sim.line))].version
			_, res := e.Restore(context.Background(), version, nil, assetsync.BackOptions{Consent: assetsync.Consent{Deletes: 100}})
			return res
		})},
		{"sync", machines, 4, line, verb("sync", false, func(_ *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Sync(context.Background(), assetsync.SyncOptions{})
		})},
		{"resolve", machines, 3, all, resolveConflicts},
		{"set-metadata", machines, 1, line, setMetadata},
		{"set-status", web, 1, line, setStatus},
		{"status", machines, 2, line, verb("status", false, func(_ *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Status(context.Background())
		})},
		{"fetch", machines, 1, line, verb("fetch", false, func(_ *simRun, e *assetsync.Engine) assetsync.Result {
			_, res := e.Fetch(context.Background(), 3)
			return res
		})},
		{"job", ci, 4, line, func(s *sim, _ string, step simStep, rnd *rand.Rand) { s.job(0, drawHarm(rnd), step.seed) }},
		{"late-job", ci, 1, line, func(s *sim, _ string, step simStep, rnd *rand.Rand) { s.job(1, drawHarm(rnd), step.seed) }},
	}
}

// verb is an action of a machine. With consent it may overwrite the changes of
// others.
func verb(name string, consent bool, body func(*simRun, *assetsync.Engine) assetsync.Result) func(*sim, string, simStep, *rand.Rand) {
	return func(s *sim, who string, step simStep, rnd *rand.Rand) {
		s.workers[who].run(name, drawHarm(rnd), step.seed, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			r.consent = consent
			r.remoteOnly = slices.Contains([]string{"pull", "undo --local", "status", "fetch"}, name)
			return body(r, e)
		})
	}
}

// options are those of a push, in which deletions are meant.
func (r *simRun) options(o assetsync.PushOptions) assetsync.PushOptions {
	o.Consent.Deletes = 100
	o.Consent.Empty = r.sim.settled
	return o
}

// held is what somebody's files hold: of the web app, what is live.
func (s *sim) held(who string) map[string]string {
	switch who {
	case "web":
		return s.line[len(s.line)-1].files
	case "dev":
		return s.origin.tree
	}
	return s.workers[who].files()
}

// own are the paths of who that there are, or that there are not.
func (s *sim) own(who string, there bool) (paths []string) {
	files := s.held(who)
	for _, p := range s.paths(who) {
		if _, ok := files[p]; ok == there {
			paths = append(paths, p)
		}
	}
	return paths
}

// set gives a path of somebody's a content; nil removes it.
func (s *sim) set(who, path string, content *string) {
	s.totals.edits++
	if content == nil {
		s.note("%s deletes %s", who, path)
	} else {
		s.note("%s writes %s: %s", who, path, marks(path, *content))
	}
	live, there := s.held("web")[path]
	switch {
	case who == "web" && content != nil && there && live == *content:
		// Nobody sees that it was saved.
	case content == nil:
		s.ledger.meant(who, simMark{path, ""})
	default:
		s.ledger.meant(who, s.ledger.markOf(who, path, *content))
	}
	switch who {
	case "web":
		s.webSet(path, content)
	case "dev":
		s.origin.set(path, content)
	default:
		w := s.workers[who]
		delete(w.broken, path)
		w.put(path, content)
		w.latest[path] = ""
		if content != nil {
			w.latest[path] = *content
		}
		w.changed[path] = true
		if content == nil {
			w.deleted[path] = true
		}
	}
}

func marks(path, content string) (out []string) {
	for _, m := range marksIn(path, content) {
		out = append(out, m.mark)
	}
	return out
}

// webSet makes a change in the web app, which shows what is live.
func (s *sim) webSet(path string, content *string) {
	ctx := context.Background()
	var err error
	if content == nil {
		_, err = s.webClient("web").DeleteAssetFile(ctx, &remote.DeleteAssetFileInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &s.asset, Path: &path})
	} else {
		_, err = s.webClient("web").UpdateAsset(ctx, &remote.UpdateAssetInput{
			AgentSpaceId: &s.space.AgentSpace, AssetId: &s.asset,
			Content: &remote.AssetContentMemberFile{Value: remote.AssetFileContent{Path: &path, Body: &remote.AssetFileBodyMemberText{Value: *content}}},
		})
	}
	s.observe()
	s.webSaved(path, content, err)
}

// webSaved takes note of what the web app said.
func (s *sim) webSaved(path string, content *string, err error) {
	if err != nil {
		s.note("  the web app says %v", err)
		return
	}
	if content == nil {
		return
	}
	for _, m := range marksIn(path, *content) {
		s.ledger.saved = append(s.ledger.saved, simSaved{m, "web", len(s.line)})
	}
}

// ends gives a text any line ends, where line ends do not count.
func (s *sim) ends(who, content string, rnd *rand.Rand) string {
	if !s.story.text || who == "web" || who == "dev" {
		return content
	}
	for i := len(content) - 1; i > 0; i-- {
		if content[i] == '\n' && content[i-1] != '\r' && rnd.IntN(2) == 0 {
			content = content[:i] + "\r" + content[i:]
		}
	}
	return content
}

// write lets somebody write something new at a path.
func (s *sim) write(who, path string, rnd *rand.Rand) {
	had := s.held(who)[path]
	if s.story.kind == byLine && had == "" {
		return // where the others' lines are not to be had
	}
	m := s.ledger.newMark(who, path, had, false)
	content := s.ends(who, s.content(who, path, m, had), rnd)
	s.set(who, path, &content)
}

func edit(s *sim, who string, _ simStep, rnd *rand.Rand) {
	s.write(who, pick(rnd, s.paths(who)...), rnd)
	s.commit(who)
}

// editMany changes more files than file calls are for.
func editMany(s *sim, who string, _ simStep, rnd *rand.Rand) {
	paths := s.paths(who)
	rnd.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	for _, p := range paths[:4] {
		s.write(who, p, rnd)
	}
}

// deletable are the files of somebody that he may delete: never the main file,
// nor so many that it looks like an accident.
func (s *sim) deletable(who string) []string {
	there := slices.DeleteFunc(s.own(who, true), func(p string) bool { return p == "SKILL.md" })
	if len(there) < 2 {
		return nil
	}
	return there
}

func remove(s *sim, who string, _ simStep, rnd *rand.Rand) {
	if there := s.deletable(who); len(there) > 0 {
		s.drop(who, pick(rnd, there...))
		s.commit(who)
	}
}

// drop deletes a file.
func (s *sim) drop(who, path string) {
	s.ledger.newMark(who, path, s.held(who)[path], true)
	s.set(who, path, nil)
}

// rename gives a file another name that is free.
func rename(s *sim, who string, _ simStep, rnd *rand.Rand) {
	there, free := s.deletable(who), s.own(who, false)
	if len(there) == 0 || len(free) == 0 {
		return
	}
	s.write(who, pick(rnd, free...), rnd)
	s.drop(who, pick(rnd, there...))
	s.commit(who)
}

// undoEdit sets a file back to a content that somebody once gave it.
func undoEdit(s *sim, who string, _ simStep, rnd *rand.Rand) {
	path := pick(rnd, s.paths(who)...)
	var earlier []simMark
	for m := range s.ledger.by {
		if m.path == path && !s.ledger.dead[m] && (s.story.kind != byLine || s.ledger.by[m] == who) {
			earlier = append(earlier, m)
		}
	}
	slices.SortFunc(earlier, func(a, b simMark) int { return compareMarks(a, b) })
	if len(earlier) == 0 {
		return
	}
	m := pick(rnd, earlier...)
	had := s.held(who)[path]
	if s.story.kind == byLine && had == "" {
		return
	}
	content := s.ends(who, s.content(who, path, m, had), rnd)
	s.ledger.setBack(who, path, content, had)
	s.set(who, path, &content)
	s.commit(who)
}

// saveSlowly saves as some editors do: for a moment the file is not there.
func saveSlowly(s *sim, who string, _ simStep, rnd *rand.Rand) {
	s.saveSlowly(who, rnd, func() {})
}

// saveInPush lets a push begin meanwhile.
func saveInPush(s *sim, who string, step simStep, rnd *rand.Rand) {
	s.workers[who].wait()
	s.saveSlowly(who, rnd, func() {
		s.workers[who].run("push", simHarm{}, step.seed, func(r *simRun, e *assetsync.Engine) assetsync.Result {
			return e.Push(context.Background(), r.options(assetsync.PushOptions{}))
		})
	})
}

func (s *sim) saveSlowly(who string, rnd *rand.Rand, meanwhile func()) {
	there := s.own(who, true)
	if len(there) == 0 {
		return
	}
	path, w := pick(rnd, there...), s.workers[who]
	had := w.file(path)
	m := s.ledger.newMark(who, path, had, false)
	content := s.ends(who, s.content(who, path, m, had), rnd)
	delete(w.broken, path)
	w.put(path, nil)
	w.saving = path
	s.note("%s is saving %s", who, path)
	meanwhile()
	s.nap(0, 2*time.Millisecond+time.Duration(rnd.Int64N(int64(slowSave))))
	s.set(who, path, &content)
	w.saving = ""
}

// breakFile makes a file unreadable: in its place is a link that leads nowhere.
func breakFile(s *sim, who string, _ simStep, rnd *rand.Rand) {
	w := s.workers[who]
	there := slices.DeleteFunc(s.own(who, true), func(p string) bool { return p == "SKILL.md" || w.broken[p] != "" })
	if len(there) == 0 {
		return
	}
	path := pick(rnd, there...)
	w.broken[path] = w.file(path)
	name := filepath.Join(w.dir, filepath.FromSlash(path))
	must(os.Remove(name))
	must(os.Symlink("nowhere", name))
	w.disk.saved(filepath.FromSlash(path), nil)
	s.note("%s cannot read %s any more", who, path)
}

func mendAll(s *sim, who string, _ simStep, _ *rand.Rand) { s.workers[who].mend() }

// mend makes what is broken readable.
func (w *simWorker) mend() {
	for _, path := range slices.Sorted(maps.Keys(w.broken)) {
		content := w.broken[path]
		delete(w.broken, path)
		w.put(path, &content)
		w.note("%s can read %s again", w.name, path)
	}
}

// powerCut takes the power from a machine that is not at work.
func powerCut(s *sim, who string, _ simStep, rnd *rand.Rand) {
	w := s.workers[who]
	w.wait()
	s.note("the power of %s goes", who)
	w.powerFails(rnd)
}

// createInPlace makes or replaces a file in the web app by the call of which
// nobody knows whether it makes a version.
func createInPlace(s *sim, who string, _ simStep, rnd *rand.Rand) {
	paths := s.paths(who)
	if s.story.has("file-create-version=keep") && rnd.IntN(2) == 0 {
		s.beginZip(pick(rnd, "one", "two"), rnd)
		if free := s.own(who, false); len(free) > 0 {
			paths = free
		}
	}
	path := pick(rnd, paths...)
	had, there := s.held(who)[path]
	if there && !slices.Contains(s.story.quirks, "create-existing=overwrite") {
		edit(s, who, simStep{}, rnd)
		return
	}
	m := s.ledger.newMark(who, path, had, false)
	content := s.content(who, path, m, had)
	s.totals.edits++
	s.note("web creates %s: %s", path, m.mark)
	_, err := s.webClient("web").CreateAssetFile(context.Background(), &remote.CreateAssetFileInput{
		AgentSpaceId: &s.space.AgentSpace, AssetId: &s.asset, Path: &path, Content: &remote.AssetFileBodyMemberText{Value: content},
	})
	s.observe()
	s.webSaved(path, &content, err)
	if err == nil {
		s.ledger.meant(who, m)
	}
}

// beginZip lets a machine publish a zip, and goes on when it has looked and not
// yet written, or a little before or after.
func (s *sim) beginZip(who string, rnd *rand.Rand) {
	w := s.workers[who]
	w.wait()
	editMany(s, who, simStep{}, rnd)
	w.run("push", simHarm{}, rnd.Uint64(), func(r *simRun, e *assetsync.Engine) assetsync.Result {
		return e.Push(context.Background(), r.options(assetsync.PushOptions{}))
	})
	s.nap(0, 300*time.Millisecond+time.Duration(rnd.Int64N(int64(600*time.Millisecond))))
}

// restore goes back to an earlier version in the web app, as a whole.
func restore(s *sim, _ string, _ simStep, rnd *rand.Rand) {
	old, now := s.line[rnd.IntN(len(s.line))], s.line[len(s.line)-1]
	files := map[manifest.Path][]byte{}
	for p, content := range old.files {
		files[manifest.Path(p)] = []byte(content)
	}
	bundle, err := manifest.NewBundle(files)
	must(err)
	zipped, err := manifest.ZipBytes(bundle)
	must(err)
	s.totals.edits++
	s.note("web goes back to version %d", old.version)
	for p, content := range old.files {
		if now.files[p] != content {
			s.ledger.setBack("web", p, content, now.files[p])
		}
	}
	for p, content := range now.files {
		if _, ok := old.files[p]; !ok {
			s.ledger.newMark("web", p, content, true)
			s.ledger.blurred[p] = true
		}
	}
	_, err = s.webClient("web").UpdateAsset(context.Background(), &remote.UpdateAssetInput{
		AgentSpaceId: &s.space.AgentSpace, AssetId: &s.asset,
		Content: &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: zipped}},
	})
	s.observe()
	for p, content := range old.files {
		if now.files[p] != content {
			s.webSaved(p, &content, err)
		}
	}
}

// takeOver brings what is live into the developer's files.
func takeOver(s *sim, who string, _ simStep, _ *rand.Rand) {
	live := s.line[len(s.line)-1].files
	tree := maps.Clone(s.origin.tree)
	for _, p := range slices.Sorted(maps.Keys(live)) {
		if content := live[p]; tree[p] != content {
			s.ledger.setBack(who, p, content, tree[p])
			s.origin.set(p, &content)
		}
	}
	s.commit(who)
}

// resolveConflicts says which content counts of the paths that a machine was told
// are in conflict. Who takes his own, or what he made of both, has seen the other
// one that he was shown, and no more.
func resolveConflicts(s *sim, who string, step simStep, rnd *rand.Rand) {
	w := s.workers[who]
	w.wait()
	if len(w.conflict) == 0 {
		return
	}
	o := assetsync.ResolveOptions{Take: pick(rnd, assetsync.Ours, assetsync.Theirs, assetsync.Merged), Consent: assetsync.Consent{Deletes: 100}}
	for _, p := range w.conflict {
		o.Paths = append(o.Paths, manifest.Path(p))
	}
	w.run("resolve", drawHarm(rnd), step.seed, func(r *simRun, e *assetsync.Engine) assetsync.Result {
		r.consent, r.remoteOnly = o.Take == assetsync.Theirs, true
		files := w.files()
		var res assetsync.Result
		defer func() { // also when it dies
			for _, p := range o.Paths {
				still := slices.ContainsFunc(res.Conflicts, func(c assetsync.ConflictReport) bool { return c.Path == p })
				if still || o.Take == assetsync.Theirs {
					continue
				}
				for _, m := range marksIn(string(p), files[string(p)]) {
					s.ledger.link(who, m, w.shown[string(p)])
				}
				if res.Outcome == "" || res.Error != nil { // it may have had its effect, or not
					s.ledger.blurred[string(p)] = true
				}
			}
		}()
		res = e.Resolve(context.Background(), o)
		return res
	})
}

// setMetadata changes a key that the config of one machine owns: the other has
// it too, and leaves it as it is.
func setMetadata(s *sim, who string, _ simStep, rnd *rand.Rand) {
	w := s.workers["one"]
	w.wait()
	types := pick(rnd, []any{"GENERIC"}, []any{"INCIDENT_TRIAGE"}, []any{"INCIDENT_TRIAGE", "INCIDENT_RCA"})
	w.target.Metadata = map[string]any{"agent_types": types}
	s.types = types
	s.note("the config of one says %v", types)
}

// setStatus switches the asset off or on in the web app, as in an emergency.
func setStatus(s *sim, _ string, _ simStep, rnd *rand.Rand) {
	status := pick(rnd, "INACTIVE", "INACTIVE", "ACTIVE")
	doc, err := remote.NewDocument(map[string]any{"status": status})
	must(err)
	s.note("web sets the status to %s", status)
	_, err = s.webClient("web").UpdateAsset(context.Background(), &remote.UpdateAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &s.asset, Metadata: doc})
	s.observe()
	if err == nil {
		s.status = status
	} else {
		s.note("  the web app says %v", err)
	}
}
