package remote

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// listed is an item of ListAssets.
func listed(id string, version int, at int64) string {
	return fmt.Sprintf(`{"assetId":%q,"assetType":"skill","metadata":{"name":%q},"version":%d,"updatedAt":%d}`, id, id, version, at)
}

// page is a page of ListAssets; next is the token of the page after it, "" for none.
func page(next string, items ...string) string {
	if next != "" {
		next = `,"nextToken":"` + next + `"`
	}
	return `{"items":[` + strings.Join(items, ",") + `]` + next + `}`
}

// TestAssetPoll lists a space again and again: what is told is what a listing from
// nothing tells, whichever pages are those of the last time.
func TestAssetPoll(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	a1, b1, c1 := AssetStamp{"a", 1, at(10)}, AssetStamp{"b", 1, at(20)}, AssetStamp{"c", 1, at(30)}
	two := map[string]string{"": page("t", listed("a", 1, 10), listed("b", 1, 20)), "t": page("", listed("c", 1, 30))}
	steps := []struct {
		name    string
		pages   map[string]string
		want    []AssetStamp
		changed bool
		fails   bool
	}{
		{"the first", two, []AssetStamp{a1, b1, c1}, true, false},
		{"the same", two, []AssetStamp{a1, b1, c1}, false, false},
		{"the first page differs", map[string]string{"": page("t", listed("a", 2, 40), listed("b", 1, 20)), "t": two["t"]}, []AssetStamp{{"a", 2, at(40)}, b1, c1}, true, false},
		{"as it was", two, []AssetStamp{a1, b1, c1}, true, false},
		{"the last page differs", map[string]string{"": two[""], "t": page("", listed("c", 1, 31))}, []AssetStamp{a1, b1, {"c", 1, at(31)}}, true, false},
		{"another token", map[string]string{"": page("u", listed("a", 1, 10), listed("b", 1, 20)), "u": page("", listed("c", 1, 31))}, []AssetStamp{a1, b1, {"c", 1, at(31)}}, true, false},
		{"a page less", map[string]string{"": page("", listed("a", 1, 10))}, []AssetStamp{a1}, true, false},
		{"the same page", map[string]string{"": page("", listed("a", 1, 10))}, []AssetStamp{a1}, false, false},
		{"a page more", two, []AssetStamp{a1, b1, c1}, true, false},
		{"no time", map[string]string{"": page("", `{"assetId":"a","version":1}`)}, []AssetStamp{{"a", 1, time.Time{}}}, true, false},
		{"nothing", map[string]string{"": page("")}, nil, true, false},
		{"two again", two, []AssetStamp{a1, b1, c1}, true, false},
		{"an item without a version", map[string]string{"": two[""], "t": page("", `{"assetId":"c"}`)}, nil, true, true},
		{"after that", two, []AssetStamp{a1, b1, c1}, true, false},
		{"no JSON", map[string]string{"": "{"}, nil, true, true},
		{"a circle", map[string]string{"": two[""], "t": page("t", listed("c", 1, 30))}, nil, true, true},
		{"the end", two, []AssetStamp{a1, b1, c1}, true, false},
		{"and once more", two, []AssetStamp{a1, b1, c1}, false, false},
	}
	var poll AssetPoll
	for _, s := range steps {
		http, _ := pages(t, s.pages)
		got, changed, err := poll.List(t.Context(), newTestClient(t, Options{HTTPClient: http}), "sp-1")
		if diff := cmp.Diff(s.want, got); diff != "" || changed != s.changed || (err != nil) != s.fails {
			t.Errorf("%s: changed %v, error %v, stamps (-want +got):\n%s", s.name, changed, err, diff)
		}
	}
}

// TestAssetPollAllocates holds a poll without news to what its requests take.
func TestAssetPollAllocates(t *testing.T) {
	var items []string
	for i := range 100 {
		items = append(items, listed(fmt.Sprint("ki-", i), 1, 10))
	}
	client := newTestClient(t, Options{HTTPClient: doFunc(func(r *http.Request) (*http.Response, error) {
		return answers(200, nil, page("", items...)).Do(r)
	})})
	var poll AssetPoll
	list := func() {
		if stamps, _, err := poll.List(context.Background(), client, "sp-1"); err != nil || len(stamps) != 100 {
			t.Fatal(len(stamps), err)
		}
	}
	list()
	if n := testing.AllocsPerRun(20, list); n > 100 {
		t.Errorf("%v allocations for a page of 100 assets that is the same, want fewer than one an asset", n)
	}
}
