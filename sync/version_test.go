package sync_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	assetsync "assetsync/sync"
)

// TestHugeVersionNumbers lets a remote number its versions in the billions:
// what is kept and read follows the versions that exist, not the numbers.
func TestHugeVersionNumbers(t *testing.T) {
	const shift = 2_000_000_000
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	far := func(r *http.Request) (*http.Response, error) {
		query := r.URL.Query()
		if v, err := strconv.Atoi(query.Get("assetVersion")); err == nil && v > shift {
			query.Set("assetVersion", strconv.Itoa(v-shift))
			r.URL.RawQuery = query.Encode()
		}
		resp, err := w.Do(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		for _, v := range []string{"2", "3"} {
			n, _ := strconv.Atoi(v)
			body = bytes.ReplaceAll(body, []byte(`"version":`+v), []byte(`"version":`+strconv.Itoa(n+shift)))
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Del("Content-Length")
		return resp, nil
	}
	m.write("a.md", "ours")
	m.rm("b.md")
	var res assetsync.Result
	m.engineWith(far, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	m.want(res, assetsync.Published)
	if res.Version != shift+3 {
		t.Errorf("version %d, want %d", res.Version, shift+3)
	}
}

// TestIntentsStayWithTheirAsset lets an asset vanish while a push of it is in
// doubt: the asset that is made anew has nothing to do with that.
func TestIntentsStayWithTheirAsset(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.pushAndDie(4, true)
	w.deleteAsset(id)
	m.write("a.md", "later")
	res := m.push(assetsync.PushOptions{Consent: assetsync.Consent{Empty: true}})
	m.want(res, assetsync.Created)
	w.wantLive(res.AssetID, m.files())
	m.wantQuiet()
	if got := m.status(); len(got.Conflicts) > 0 || len(got.Pending) > 0 {
		t.Errorf("%s", describe(got))
	}
}
