package server

import (
	"context"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/retention"
	"github.com/platenhq/platen/internal/storage"
)

// maxRules is how many rules of retention there can be.
const maxRules = 100

func (s *Server) rules(w *response, r *http.Request, _ target) error {
	rules, err := s.Store.RetentionRules(r.Context())
	if err != nil {
		return err
	}
	olrest.ReplyRules(w, rules)
	return nil
}

// ruleOf returns the rule of a name. NotFound.
func (s *Server) ruleOf(ctx context.Context, name string) (platen.RetentionRule, error) {
	rules, err := s.Store.RetentionRules(ctx)
	if err != nil {
		return platen.RetentionRule{}, err
	}
	for _, rule := range rules {
		if rule.Name == name {
			return rule, nil
		}
	}
	return platen.RetentionRule{}, platen.Errorf(platen.NotFound, "there is no rule %.80q of retention", name).About(name)
}

func (s *Server) addRule(w *response, r *http.Request, _ target) error {
	asked, err := decode(s, w, r, olrest.ReadNewRule)
	if err != nil {
		return err
	}
	rule, err := s.Store.AddRetentionRule(r.Context(), asked, maxRules)
	if err != nil {
		return err
	}
	s.logRule(r, "rule of retention added", rule)
	olrest.ReplyRule(w, rule, true)
	return nil
}

func (s *Server) logRule(r *http.Request, what string, rule platen.RetentionRule) {
	s.logChange(r.Context(), what, "rule", rule.Name, "kind", rule.Kind.String(), "days", rule.Days, "filter", rule.Filter, "enabled", rule.Enabled)
}

func (s *Server) rule(w *response, r *http.Request, to target) error {
	rule, err := s.ruleOf(r.Context(), to.name)
	if err != nil {
		return err
	}
	olrest.ReplyRule(w, rule, false)
	return nil
}

func (s *Server) changeRule(w *response, r *http.Request, to target) error {
	asked, err := decode(s, w, r, olrest.ReadRuleUpdate)
	if err != nil {
		return err
	}
	rule, err := s.ruleOf(r.Context(), to.name)
	if err != nil {
		return err
	}
	if asked.Filter != nil {
		if err := olrest.CheckRuleFilter(rule.Kind, *asked.Filter); err != nil {
			return err
		}
	}
	if rule, err = s.Store.UpdateRetentionRule(r.Context(), to.name, storage.RetentionUpdate(asked)); err != nil {
		return err
	}
	s.logRule(r, "rule of retention changed", rule)
	olrest.ReplyRule(w, rule, false)
	return nil
}

func (s *Server) removeRule(w *response, r *http.Request, to target) error {
	if err := s.Store.RemoveRetentionRule(r.Context(), to.name); err != nil {
		return err
	}
	s.logChange(r.Context(), "rule of retention removed", "rule", to.name)
	olrest.ReplyDone(w)
	return nil
}

// previewRule answers with a page of the sets that a rule would delete now.
func (s *Server) previewRule(w *response, r *http.Request, to target) error {
	rule, err := s.ruleOf(r.Context(), to.name)
	if err != nil {
		return err
	}
	now, err := s.Store.Now(r.Context())
	if err != nil {
		return err
	}
	listing, err := olrest.ReadPreview(r.URL.Query(), &rule, now)
	if err != nil {
		return err
	}
	return s.replyListing(w, r, listing, func(ctx context.Context, listing *platen.Listing) (*platen.ListingPage, error) {
		return retention.Page(ctx, s.Store, &rule, now, listing)
	})
}
