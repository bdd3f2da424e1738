package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"assetsync/remote"
)

// maxBody bounds a request: 1,572,864 characters of text as surrogate pairs
// in escapes of twelve bytes are the most that a request can need.
const maxBody = 20 << 20

const (
	headerErrorType = "X-Amzn-Errortype"
	headerRequestID = "X-Amzn-Requestid"
)

// Options says how a Server behaves.
type Options struct {
	Path        string           // file of the store, made when missing
	Exclusive   bool             // keep the file open: faster, and no other process can use it
	Clock       func() time.Time // required
	NewID       func() string    // required; a fresh UUID for each call, for asset and request ids
	Quirks      Quirks
	Faults      []Fault
	Credentials []Credential // who may sign; nil: requests need no signature
	Spaces      []string     // agent spaces that exist; nil: all
	Quota       int          // assets of a type that a space takes, where the service has a limit; 0: the service's
	Logger      *slog.Logger // troubles of the store, which clients see as a 500; nil: nowhere
}

// Server speaks the wire of the service. It is an [http.Handler] and safe
// for concurrent use.
type Server struct {
	opts   Options
	store  *store
	secret []byte
	faults faults
	lag    *lag
}

// New opens or makes the store and checks the options.
func New(opts Options) (*Server, error) {
	if opts.Path == "" || opts.Clock == nil || opts.NewID == nil {
		return nil, errors.New("make emulator: Path, Clock and NewID are required")
	}
	if err := opts.Quirks.validate(); err != nil {
		return nil, fmt.Errorf("make emulator: %w", err)
	}
	for _, f := range opts.Faults {
		if err := f.validate(); err != nil {
			return nil, fmt.Errorf("make emulator: fault: %w", err)
		}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: opts, lag: newLag(opts.Quirks.ListLag)}
	s.faults.add(opts.Faults...)
	var err error
	if s.store, err = openStore(opts.Path, opts.Exclusive, []byte(opts.NewID())); err != nil {
		return nil, fmt.Errorf("make emulator: %w", err)
	}
	err = s.store.view(func(tx *bbolt.Tx) error {
		s.secret = bytes.Clone(tx.Bucket(bucketMeta).Get(keySecret))
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make emulator: %w", err), s.store.close())
	}
	return s, nil
}

// Close releases the file. Requests fail afterwards; writes that a fault
// made late never happen.
func (s *Server) Close() error { return s.store.close() }

// Inject adds fault rules; they count requests from now on.
func (s *Server) Inject(rules ...Fault) error {
	for _, f := range rules {
		if err := f.validate(); err != nil {
			return fmt.Errorf("inject fault: %w", err)
		}
	}
	s.faults.add(rules...)
	return nil
}

// ServeHTTP answers one request. It panics with [http.ErrAbortHandler] where
// a fault cuts the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lag.request()
	for _, late := range s.faults.ripe(s.opts.Clock()) {
		// Nobody waits for this answer any more.
		if _, err := s.execute(late); err != nil {
			s.opts.Logger.Info("late request refused", "operation", late.op.name, "error", err)
		}
	}
	id := s.opts.NewID()
	c, err := s.accept(r, id)
	if err != nil {
		s.send(w, s.answerError(id, err))
		return
	}
	rule := s.faults.hit(c.op.name)
	if refusal := rule.answered(); refusal != nil {
		s.send(w, s.answerError(id, refusal))
		return
	}
	switch rule.Kind {
	case FaultResetBefore:
		panic(http.ErrAbortHandler)
	case FaultLate:
		s.faults.postpone(c, rule, s.opts.Clock())
		panic(http.ErrAbortHandler)
	case FaultDelay:
		if pause(r.Context(), rule.Wait) != nil {
			panic(http.ErrAbortHandler) // nobody waits for the answer
		}
	}
	answer, send := rule.spoil(s.perform(c))
	if !send {
		panic(http.ErrAbortHandler)
	}
	s.send(w, answer)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// accept reads a request and checks what comes before the operation.
func (s *Server) accept(r *http.Request, id string) (*call, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, frontDoor(http.StatusBadRequest, "SerializationException", "the body ended early")
	}
	if len(body) > maxBody {
		return nil, refuse(remote.KindContentSizeExceeded, "body too large")
	}
	who := r.UserAgent()
	if s.opts.Credentials != nil {
		key, err := verify(r, body, s.opts.Credentials, s.opts.Clock())
		if err != nil {
			return nil, err
		}
		who = key
	}
	c, err := route(r.Method, r.URL)
	if err != nil {
		return nil, err
	}
	c.body, c.who, c.requestID = body, who, id
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			return nil, frontDoor(http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "want Content-Type application/json")
		}
	}
	return c, s.checkSpace(c)
}

func (s *Server) checkSpace(c *call) error {
	if c.op.name == "ListAssetTypes" {
		return nil
	}
	if err := remote.Edition20260608().CheckSpaceID(c.space); err != nil {
		return invalid("/agentSpaceId", "%v", err)
	}
	if s.opts.Spaces != nil && !slices.Contains(s.opts.Spaces, c.space) {
		return refuse(remote.KindNotFound, "agent space %s does not exist", c.space)
	}
	return nil
}

// perform runs a call and makes its answer.
func (s *Server) perform(c *call) answer {
	out, err := s.execute(c)
	if err != nil {
		return s.answerError(c.requestID, err)
	}
	body, err := out.(json.Marshaler).MarshalJSON()
	if err != nil {
		return s.answerError(c.requestID, fmt.Errorf("encode answer to %s: %w", c.op.name, err))
	}
	return answer{status: c.op.status, header: headers(c.requestID), body: body}
}

// execute runs a call in one transaction. A write that is refused leaves
// nothing but its token, in a transaction of its own.
func (s *Server) execute(c *call) (out any, err error) {
	var wrote []lagWrite
	run := func(tx *bbolt.Tx) (err error) {
		st := &state{
			tx: tx, now: s.opts.Clock(), quirks: s.opts.Quirks, limits: remote.Edition20260608(),
			newID: s.opts.NewID, secret: s.secret, lag: s.lag, quota: s.opts.Quota,
		}
		if out, err = c.op.run(st, c); err != nil || !c.op.write {
			return err
		}
		wrote = st.wrote
		return st.burn(c)
	}
	if !c.op.write {
		err = s.store.view(run)
		return out, err
	}
	err = s.store.update(run)
	var refusal *apiError
	switch {
	case err == nil:
		s.lag.hide(wrote)
	case errors.As(err, &refusal) && c.token != nil:
		burn := func(tx *bbolt.Tx) error { return (&state{tx: tx}).burn(c) }
		if burnErr := s.store.update(burn); burnErr != nil {
			return nil, burnErr
		}
	}
	return out, err
}

// answerError makes the answer to what went wrong. The name of an error
// goes in the header and in the body, so that every reader finds it.
func (s *Server) answerError(id string, err error) answer {
	var e *apiError
	if !errors.As(err, &e) {
		e = s.trouble(id, err)
	}
	body, err := remote.ErrorBody{Type: &e.code, Message: &e.message, Fields: e.fields}.MarshalJSON()
	if err != nil {
		// A message can quote bytes of the request that are not text.
		body = fmt.Appendf(nil, `{"__type":%q,"message":"the request is not valid"}`, e.code)
	}
	header := headers(id)
	header[headerErrorType] = e.code
	return answer{status: e.status, header: header, body: body}
}

// trouble hides the reason of a failure of the store from the client.
func (s *Server) trouble(id string, err error) *apiError {
	if errors.Is(err, errBusy) {
		// Nothing was written, and a client may say it again: the one answer
		// that says both.
		return refuse(remote.KindThrottling, "the store is in use by another process")
	}
	s.opts.Logger.Error("request failed", "request_id", id, "error", err)
	return refuse(remote.KindInternalServer, "internal error")
}

func headers(id string) map[string]string {
	return map[string]string{"Content-Type": "application/json", headerRequestID: id}
}

// send writes an answer.
func (s *Server) send(w http.ResponseWriter, a answer) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if a.cut {
		a.body = a.body[:len(a.body)/2]
	}
	if _, err := w.Write(a.body); err != nil {
		s.opts.Logger.Info("client went away", "error", err)
	}
	if a.cut {
		if err := http.NewResponseController(w).Flush(); err != nil {
			s.opts.Logger.Info("client went away", "error", err)
		}
		panic(http.ErrAbortHandler)
	}
}
