"""Raise, escalate, notify, close; rotas and policies."""
