from setuptools import find_packages, setup

setup(
    name="aisle_core",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aisle_core"]),
        ("share/aisle_core", ["package.xml"]),
    ],
    zip_safe=True,
    extras_require={"test": ["pytest"]},
    maintainer="Aisle maintainers",
    maintainer_email="maintainers@aisle.example",
    description="The logic of a store without tills: store model, alignment, weighing, tracking, fusion, checkout.",
    license="Apache-2.0",
)
