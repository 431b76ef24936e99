package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/tools/internal/keys"
)

// NewPrivate returns the server of the private confirmation with the keys of k.
func NewPrivate(k *keys.Set) (*voprf.Server, error) {
	all := make([]*voprf.PrivateKey, 0, 1+len(k.Older))
	for _, secret := range append([][32]byte{k.OPRF}, k.Older...) {
		key, err := voprf.DeriveKey(secret)
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return voprf.NewServer(all[0], all[1:]...), nil
}

// A Service is a confirmation server as it runs in production. Its fields are set before it is used.
type Service struct {
	Folder  *Folder // the snapshot that is served as well, nil for none
	Origins []string
	Clients Clients
	Limits  *Limiter // of questions, nil for none
	Metrics *Metrics
	// Log gets no bodies, and no addresses unless LogAddresses.
	Log          *slog.Logger
	LogRequests  bool
	LogAddresses bool
	// Drain is how long the service goes on after its end was asked for, while /healthz says so.
	Drain time.Duration

	private  *voprf.Server
	gate     gate
	stopping atomic.Bool
}

// NewService returns a Service that evaluates, and has neither limits nor logs.
func NewService(private *voprf.Server) *Service {
	return &Service{Metrics: new(Metrics), Log: slog.New(slog.DiscardHandler), private: private, gate: newGate()}
}

// Handler answers what is for clients:
//
//	POST /v1/evaluate                the private confirmation
//	GET  /v1/entries/{key}/{bucket}  what the list has of a key, encrypted
//	GET  /lists/…                    the snapshot
//	POST /v1/plain                   the plain confirmation, if the folder's list is open
//	GET  /healthz
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/evaluate", s.evaluate)
	mux.HandleFunc("GET /healthz", s.health)
	if s.Folder != nil {
		mux.Handle("GET /lists/{name}", s.Folder)
		mux.Handle("GET /v1/entries/{key}/{bucket}", Entries(s.Folder.dir))
		if s.Folder.listed {
			mux.Handle("POST /v1/plain", s.limited(Plain(s.Folder.List)))
		}
	}
	return s.logged(Secure(cors(mux, s.Origins)))
}

// Admin answers what is for the operator alone: GET /metrics, and /healthz.
func (s *Service) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /healthz", s.health)
	return Secure(mux)
}

func (s *Service) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := s.usable(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *Service) usable() error {
	if s.stopping.Load() {
		return errors.New("shutting down")
	}
	if s.Folder != nil {
		return s.Folder.Manifest().CheckExpiry(time.Now())
	}
	return nil
}

// grace is how long requests may take to finish: a download that takes longer can be resumed.
const grace = 10 * time.Second

// Run serves clients on public and the operator on admin, which may be nil, until ctx ends; then it lets requests finish.
func (s *Service) Run(ctx context.Context, public, admin net.Listener) error {
	problems := Problems(s.Log, s.LogAddresses)
	if s.Folder != nil {
		s.Folder.news = func(version uint64) { s.Log.Info("reloaded", "version", version) }
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		s.stopping.Store(true)
		s.Log.Info("stopping")
		time.AfterFunc(s.Drain, stop)
	})()
	if admin != nil {
		// It outlives the other one, to tell how that ends.
		watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if err := run(watching, admin, newServer(s.Admin(), problems), time.Second); err != nil {
				s.Log.Error("the operator's listener ended", "error", err.Error())
			}
		}()
		defer func() { unwatch(); <-ended }()
	}
	clients := newServer(s.Handler(), problems)
	clients.ConnState = func(_ net.Conn, state http.ConnState) { s.Metrics.connection(state) }
	err := run(serving, public, clients, grace)
	s.Log.Info("stopped")
	return err
}
