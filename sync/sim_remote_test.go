package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"runtime"
	"strings"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/emulator"
)

// simRun is one run of a verb, as its transport sees it.
type simRun struct {
	sim    *sim
	worker *simWorker
	verb   string
	number int
	rnd    *rand.Rand
	harm   simHarm

	calls      int
	looked     int             // length of the timeline at its last look, -1 before
	began      int             // length of the timeline at its begin
	doubts     int             // writes that were not answered
	doubtful   map[string]bool // such, until a look is answered
	writes     int             // that had an effect
	died       bool
	short      int // listings that it was given short
	foreign    bool
	consent    bool // it may overwrite what others wrote
	remoteOnly bool // it has to leave the remote alone
	cutShort   bool // it did not come to its end
	older      bool // it publishes a commit that is not the newest
	late       bool // a write of it has its effect late
	goesBack   bool // it checks out an older version
	wroteMain  bool // its last write sent the main file

	commit int             // the one that it publishes
	left   map[string]bool // paths that it took back there, and left as they were here
}

// takesBack reports whether the run makes the remote what it was before.
func (r *simRun) takesBack() bool { return r.verb == "undo" || r.verb == "restore" }

// checksOut reports whether the run changes the directory.
func (r *simRun) checksOut() bool { return r.verb == "pull" || r.verb == "sync" }

// publishes reports whether what the run is told of is saved.
func (r *simRun) publishes() bool { return r.verb == "push" || r.verb == "job" || r.verb == "sync" }

func (r *simRun) String() string { return fmt.Sprintf("%s#%d %s", r.worker.name, r.number, r.verb) }

// simHarm is what befalls a run.
type simHarm struct {
	fault      map[int]string // by the number of the call
	dies       int            // call at which the process dies; 0: none
	after      bool           // it dies after the effect
	step       int            // durable step at which it dies or fails; 0: none
	stepFails  bool
	stepAfter  bool
	stepNaps   int // durable steps take their time, so that saves slip in: one in so many; 0: none
	shortList  int // files listing that lacks a file; 0: none
	faultWrite int // write that faultKind befalls; 0: none
	faultKind  string
}

func drawHarm(rnd *rand.Rand) simHarm {
	h := simHarm{fault: map[int]string{}, after: rnd.IntN(2) == 0, stepAfter: rnd.IntN(2) == 0}
	noEffect := []string{"throttle", "500", "503", "expired-token", "denied", "reset-before"}
	if rnd.IntN(4) == 0 {
		h.fault[1+rnd.IntN(12)] = pick(rnd, noEffect...)
	}
	if rnd.IntN(3) == 0 {
		h.faultWrite = 1 + rnd.IntN(3)
		h.faultKind = pick(rnd, append(noEffect, "reset-after", "truncate", "not-json", "reset-after", "500",
			fmt.Sprintf("late:%d", 1+rnd.IntN(30)), fmt.Sprintf("late:%ds", 1+rnd.IntN(800)))...)
	}
	if rnd.IntN(6) == 0 {
		h.dies = 1 + rnd.IntN(12)
	}
	if rnd.IntN(5) == 0 {
		h.step, h.stepFails = 1+rnd.IntN(20), rnd.IntN(3) == 0
	}
	if rnd.IntN(3) == 0 {
		h.stepNaps = 1 + rnd.IntN(4)
	}
	if rnd.IntN(8) == 0 {
		h.shortList = 1
	}
	return h
}

// Do implements [remote.HTTPClient]: a call takes its time, both ways, and
// others work meanwhile.
func (r *simRun) Do(req *http.Request) (*http.Response, error) {
	r.calls++
	if r.calls == r.harm.dies && !r.harm.after {
		r.die()
	}
	r.sim.nap(r.worker.lane, r.latency())
	write := req.Method != http.MethodGet
	kind := r.harm.fault[r.calls]
	var key string
	if write {
		if r.writes++; r.writes == r.harm.faultWrite {
			kind = r.harm.faultKind
		}
		key = r.sending(req)
	}
	if kind != "" {
		r.sim.fault("op=*,kind=" + kind)
		r.sim.totals.faults++
	}
	req.Header.Set("User-Agent", r.String())
	resp, err := emulator.RoundTripper(r.sim.server).RoundTrip(req)
	if write || r.sim.late > 0 {
		r.sim.observe()
	}
	if strings.HasPrefix(kind, "late") && write {
		r.sim.late++
		r.late = true
	}
	r.answered(req, key, kind, resp, err)
	if err == nil && req.Method == http.MethodGet && path.Base(req.URL.Path) == "files" {
		r.shorten(resp)
	}
	r.sim.nap(r.worker.lane, r.latency())
	if r.calls == r.harm.dies {
		r.die()
	}
	return resp, err
}

// inAnyOrder runs reads that are in flight together: the remote answers them in
// some order, one after the other.
func (r *simRun) inAnyOrder(reads ...func()) {
	for _, i := range r.rnd.Perm(len(reads)) {
		reads[i]()
	}
}

// latency is half of what a call takes. What somebody saves slowly is away for
// less than a call.
func (r *simRun) latency() time.Duration {
	return slowSave + time.Duration(r.rnd.Int64N(int64(200*time.Millisecond)))
}

func (r *simRun) die() {
	r.died = true
	r.sim.totals.crashes++
	r.sim.note("%s dies at call %d", r, r.calls)
	runtime.Goexit()
}

// sending checks a write against those before it and returns what names it.
func (r *simRun) sending(req *http.Request) string {
	s := r.sim
	if r.remoteOnly {
		s.violate("settling", r, "", "%s writes to the remote: %s %s", r, req.Method, req.URL.Path)
	}
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			panic(err)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	r.wroteMain = path.Base(req.URL.Path) == "SKILL.md" || bytes.Contains(body, []byte(`"SKILL.md"`)) || bytes.Contains(body, []byte(`"zipFile"`))
	var members map[string]json.RawMessage
	var token string
	if len(body) > 0 {
		if err := json.Unmarshal(body, &members); err != nil {
			panic(err)
		}
		if err := json.Unmarshal(members["clientToken"], &token); err != nil {
			panic(err)
		}
		delete(members, "clientToken")
	}
	creates := req.Method == http.MethodPost && path.Base(req.URL.Path) == "assets"
	rest, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	key := fmt.Sprintf("%s %s %s", req.Method, req.URL.Path, manifest.BlobID(rest).Short())
	if !creates {
		if s.burned[token] {
			s.violate("token", r, "", "%s sends a token again that was refused: %s", r, key)
		}
		if r.doubtful[key] {
			s.violate("replay", r, "", "%s repeats a write that was not answered without a look: %s", r, key)
		}
	}
	s.tokens[r] = token
	return key
}

// answered takes note of what a call came to.
func (r *simRun) answered(req *http.Request, key, kind string, resp *http.Response, err error) {
	s := r.sim
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	plain := err == nil && status < 500 && kind != "truncate" && kind != "not-json"
	if req.Method == http.MethodGet {
		if plain && status == http.StatusOK {
			clear(r.doubtful)
			if req.URL.RawQuery == "" && strings.HasPrefix(path.Base(req.URL.Path), "ki-") {
				r.looked = len(s.line)
			}
		}
		if kind != "" {
			s.note("  %s meets %s at call %d, %s %s", r, kind, r.calls, req.Method, shortURL(req))
		}
		return
	}
	s.note("  %s call %d: %s %s: %s %d", r, r.calls, req.Method, shortURL(req), kind, status)
	token := s.tokens[r]
	switch {
	case !plain:
		r.doubts++
		r.doubtful[key] = true
	case status >= 400 && status != http.StatusTooManyRequests && token != "":
		s.burned[token] = true
	}
}

func shortURL(req *http.Request) string {
	_, after, ok := strings.Cut(req.URL.Path, "/assets/")
	if !ok {
		return req.URL.Path
	}
	return after
}

// shorten leaves a file out of the first listing of a run, as a service does
// that has not seen everything yet.
func (r *simRun) shorten(resp *http.Response) {
	if r.harm.shortList == 0 || r.verb != "pull" {
		return
	}
	r.harm.shortList = 0
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	var page struct {
		Items     []json.RawMessage `json:"items"`
		NextToken *string           `json:"nextToken,omitempty"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		panic(err)
	}
	if n := len(page.Items); n > 1 && page.NextToken == nil {
		i := r.rnd.IntN(n)
		r.sim.note("  %s is not told of %s", r, page.Items[i])
		page.Items = append(page.Items[:i], page.Items[i+1:]...)
		r.short++
		if body, err = json.Marshal(page); err != nil {
			panic(err)
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
}

// webClient is what the web app and the oracle speak with.
func (s *sim) webClient(who string) *remote.Client {
	c, err := remote.NewClient(remote.Options{Endpoint: "http://embedded", HTTPClient: doer(func(req *http.Request) (*http.Response, error) {
		req.Header.Set("User-Agent", who)
		return emulator.RoundTripper(s.server).RoundTrip(req)
	})})
	if err != nil {
		panic(err)
	}
	return c
}

// fault lets the next request meet a fault.
func (s *sim) fault(rule string) {
	f, err := emulator.ParseFault(rule)
	if err == nil {
		err = s.server.Inject(f)
	}
	if err != nil {
		panic(err)
	}
}

// observe takes what the remote's own log says of the writes since the last
// look into the timeline, with what the asset holds after each.
func (s *sim) observe() {
	entries, err := s.server.Log()
	if err != nil {
		panic(err)
	}
	for _, e := range entries[s.logged:] {
		s.logged++
		v := simVersion{sequence: e.Sequence, version: e.After, inPlace: e.Before == e.After, who: e.Who, op: e.Operation}
		if name, _, ok := strings.Cut(e.Who, "#"); ok {
			v.who, v.run = name, s.runs[e.Who]
		}
		if e.Operation == "DeleteAsset" {
			panic("nobody deletes the asset")
		}
		v.files, v.metadata = s.read(e.Asset, e.After)
		s.asset = e.Asset
		if s.origin != nil {
			v.commits = len(s.origin.commits)
		}
		s.line = append(s.line, v)
		s.note("    version %d by %s: %s %s", e.After, e.Who, e.Operation, e.Path)
		s.judgeWrite(len(s.line) - 1)
	}
}

// read returns what a version holds.
func (s *sim) read(asset string, version int32) (map[string]string, string) {
	in := &remote.GetAssetContentInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &asset, AssetVersion: &version}
	out, err := s.reader.GetAssetContent(context.Background(), in)
	if err != nil {
		panic(fmt.Sprintf("read version %d: %v", version, err))
	}
	bundle, err := manifest.ReadZip(out.Content.ZipFile, manifest.ZipLimits{})
	if err != nil {
		panic(err)
	}
	files := map[string]string{}
	for p, data := range bundle.Files() {
		files[string(p)] = string(data)
	}
	got, err := s.reader.GetAsset(context.Background(), &remote.GetAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &asset, AssetVersion: &version})
	if err != nil {
		panic(err)
	}
	return files, string(got.Asset.Metadata)
}
