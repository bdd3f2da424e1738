//go:build linux

package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// farServer stands before a remote and answers as from far away: each call waits
// for a round trip. It keeps when calls began and ended.
type farServer struct {
	server *http.Server

	mu    sync.Mutex
	calls []timedCall
}

type timedCall struct{ begun, ended time.Time }

// newFarServer listens at an address for a remote at another one.
func newFarServer(addr, remote string, trip time.Duration) (*farServer, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: remote})
	f := &farServer{}
	f.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		time.Sleep(trip)
		proxy.ServeHTTP(w, r)
		call := timedCall{begun, time.Now()}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls = append(f.calls, call)
	})}
	go func() { _ = f.server.Serve(listener) }() // until it is closed
	return f, nil
}

// depth returns how many calls since the last question went out one after the
// other: of the calls of which each began when the one before had ended, the
// longest row.
func (f *farServer) depth() (row int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortFunc(f.calls, func(a, b timedCall) int { return a.ended.Compare(b.ended) })
	var last time.Time
	for _, c := range f.calls {
		if c.begun.After(last) {
			row, last = row+1, c.ended
		}
	}
	f.calls = nil
	return row
}
