"""Statements compiled once: values in, rows out, and mistakes noticed."""

import pytest
from sqlalchemy import bindparam, column, literal, select, update
from sqlalchemy.dialects.sqlite import dialect

from db.statements import Compiled, Compiler
from db.tables import users

STATEMENT = select(users.c.username, users.c.roles).where(users.c.username == bindparam("name"))


def test_values_go_in_by_name_and_rows_come_out_by_attribute() -> None:
    compiled = Compiled(STATEMENT, dialect(paramstyle="qmark"))

    (row,) = compiled.rows([("ana", '["owner"]')])

    assert compiled.arguments({"name": "ana"}) == ["ana"]
    assert (row.username, row.roles) == ("ana", ["owner"])
    assert compiled.names == {"name"}


@pytest.mark.parametrize("values", [{}, {"nam": "ana"}, {"name": "ana", "more": 1}])
def test_missing_and_unknown_values_are_mistakes(values: dict[str, object]) -> None:
    compiled = Compiled(STATEMENT, dialect(paramstyle="qmark"))

    with pytest.raises(TypeError):
        compiled.arguments(values)


def test_a_list_of_unknown_length_cannot_be_compiled_once() -> None:
    with pytest.raises(TypeError):
        Compiled(select(users.c.id).where(users.c.username.in_(["a", "b"])), dialect(paramstyle="qmark"))


def test_a_statement_is_compiled_once() -> None:
    compiler = Compiler(dialect(paramstyle="qmark"))

    assert compiler(STATEMENT) is compiler(STATEMENT)


def test_literals_keep_their_values() -> None:
    statement = update(users).values(username=literal("ana"), email=bindparam("mail"))
    compiled = Compiled(statement, dialect(paramstyle="qmark"))

    assert sorted(map(str, compiled.arguments({"mail": "a@b"}))) == ["a@b", "ana"]


def test_a_value_of_null_reaches_the_database() -> None:
    compiled = Compiled(select(column("x")).where(column("x") == bindparam("y")), dialect(paramstyle="qmark"))

    assert compiled.arguments({"y": None}) == [None]
