from setuptools import find_packages, setup

setup(
    name="aisle_office",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"": ["py.typed", "texts.yaml", "look.css", "openapi.yaml", "templates/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aisle_office"]),
        ("share/aisle_office", ["package.xml"]),
    ],
    zip_safe=True,
    extras_require={"test": ["pytest"]},
    maintainer="Aisle maintainers",
    maintainer_email="maintainers@aisle.example",
    description="Journal, payment, receipts and mail: what blocks or talks to the outside, in processes of its own.",
    license="Apache-2.0",
)
